"""A page in the browser that reads expressions off a photo, a film or the camera: `fra-zoo demo`, and a Space."""
