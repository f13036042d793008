"""A page in the browser that reads expressions off a photo, a video or the camera: `fra-zoo demo`, and a Space."""
