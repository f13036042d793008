"""The page: a photo, a video or the camera on the left, what is read there on the right, the model's card below."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fra_zoo.demo import video
from fra_zoo.demo.card import read_card
from fra_zoo.demo.extra import gradio as gr
from fra_zoo.demo.reading import Reading, read_file, read_frame
from fra_zoo.io.paths import display_path
from fra_zoo.predict import Face, Predictor
from fra_zoo.predict.frame import Frame, Pixels
from fra_zoo.predict.predictor import default_classifier

REGIONS = "fra_resnet18"
HERE = "What you give is read on this machine and stays there; it is deleted when the demo is closed."
ELSEWHERE = "What you give is sent to the machine that serves this page and read there; it is deleted within two hours."
MOST_FRAMES = 64


def build_page(
    model: str | None = None, *, detector: str = "auto", regions: str | None = REGIONS, note: str = HERE
) -> gr.Blocks:
    """The page, with the model loaded; `fra_zoo.demo.serve.serve` serves it.

    Args:
        model: as for `fra_zoo.Predictor`.
        detector: as for `fra_zoo.Predictor`.
        regions: a pre-trained method whose regions can be shown, or None.
        note: what becomes of photos, told at the top.

    Raises:
        FraZooError: if the model or the method cannot be loaded.
    """
    model = model or default_classifier()
    predictor = Predictor(model, detector=detector, regions=regions)
    with gr.Blocks(title="fra_zoo", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.Markdown(f"# fra_zoo\nExpressions of the faces in a photo, a video or the camera. {note}")
        _Desk(predictor, model)
    return page


class _Desk:
    """The parts of the page and what they do."""

    def __init__(self, predictor: Predictor, model: str) -> None:
        self.predictor = predictor
        self.readings, self.place = gr.State([]), gr.State(0)
        with gr.Row():
            with gr.Column(scale=3):
                self._sources()
                self.said = gr.Textbox(label="Read", interactive=False, elem_id="said")
                self.picture = gr.Image(label="Faces", interactive=False, buttons=["fullscreen"], elem_id="picture")
                self.gallery = gr.Gallery(
                    label="Video",
                    visible=False,
                    columns=6,
                    allow_preview=False,
                    height=260,
                    object_fit="contain",
                    elem_id="video",
                )
                self.over_time = gr.Image(
                    label="Expressions over time",
                    show_label=False,  # it would lie over the names of the colours
                    visible=False,
                    buttons=["fullscreen"],
                    elem_id="over_time",
                )
                self.table = gr.Dataframe(
                    headers=list(video.HEADERS), visible=False, interactive=False, elem_id="table"
                )
            with gr.Column(scale=2):
                self.regions = gr.Checkbox(
                    label="Show the regions that FRA finds", visible=predictor.method is not None, elem_id="regions"
                )
                self.face = gr.Radio(label="Face", choices=[], visible=False, elem_id="face")
                self.bars = gr.Label(label="Probabilities", elem_id="bars")
                self._card(model)
        self._wire()

    def _sources(self) -> None:
        with gr.Tab("Photo or video"):
            self.file = gr.File(label="A photo or a video", height=120, elem_id="file")
            self.step = gr.Slider(0.1, 5.0, value=0.5, step=0.1, label="Seconds between two readings of a video")
        with gr.Tab("Camera"):
            self.camera = gr.Image(label="Camera", sources=["webcam"], streaming=True, type="numpy", elem_id="camera")

    def _card(self, model: str) -> None:
        text, limits = read_card(model)
        gr.Markdown(f"### Limits\n{limits}", elem_id="limits")
        with gr.Accordion(f"The model's card: {display_path(Path(model).name)}", open=False):
            gr.Markdown(text, elem_id="card")

    def _wire(self) -> None:
        shows = [self.picture, self.face, self.bars]
        self.file.upload(
            self.read,
            [self.file, self.step, self.regions],
            [self.readings, self.place, self.said, *shows, self.gallery, self.over_time, self.table],
            api_name="read",
        )
        self.camera.stream(
            self.see,
            [self.camera, self.regions],
            [self.readings, self.place, self.said, *shows],
            stream_every=0.3,
            show_progress="hidden",
            concurrency_limit=1,
            api_name="see",
        )
        self.gallery.select(
            self.turn_to,
            [self.readings, self.place, self.face, self.regions],
            [self.place, *shows],
            show_progress="hidden",
            api_visibility="private",
        )
        state = [self.readings, self.place, self.regions]
        self.regions.change(self.redraw, state, [self.picture], show_progress="hidden", api_visibility="private")
        self.face.input(
            self.weigh,
            [self.readings, self.place, self.face],
            [self.bars],
            show_progress="hidden",
            api_visibility="private",
        )

    def read(self, file: str | None, step: float, regions: bool) -> Iterator[tuple[Any, ...]]:
        """Read a photo or a video; the page follows, one reading behind.

        No picture is given twice in a row: Gradio would write its file again while the browser loads it.
        """
        if file is None:
            return
        readings: list[Reading] = []
        line = ""
        for one in read_file(self.predictor, Path(file), step):
            if len(readings) == MOST_FRAMES:
                line = f"{one.source}: the first {MOST_FRAMES} readings are shown; take more seconds between them"
                break
            if readings:
                shows = self._show(readings[-1], regions)
                yield (readings, len(readings) - 1, line, *shows, gr.skip(), gr.skip(), gr.skip())
            readings.append(one)
            line = one.overrides() if one.seconds is None else f"{display_path(one.source)}: read to {one.time}"
        yield (readings, len(readings) - 1, line, *self._show(readings[-1], regions), *self._video(readings))

    def see(self, pixels: Pixels | None, regions: bool) -> tuple[Any, ...]:
        """Read a picture of the camera."""
        if pixels is None:
            return tuple(gr.skip() for _ in range(6))
        one = read_frame(self.predictor, Frame("camera", pixels))
        return ([one], 0, one.overrides(), *self._show(one, regions))

    def turn_to(
        self, readings: list[Reading], place: int, face: int | None, regions: bool, event: gr.SelectData
    ) -> tuple[Any, ...]:
        """Show a frame of the video, and there the same face."""
        after = video.place_of_picture(readings, event.index)
        return (after, *self._show(readings[after], regions, video.same_face(readings[place], face, readings[after])))

    def redraw(self, readings: list[Reading], place: int, regions: bool) -> Pixels | None:
        """Draw the picture again, with the regions or without."""
        return readings[place].picture(regions) if readings else None

    def weigh(self, readings: list[Reading], place: int, face: int) -> dict[str, float] | None:
        """The probabilities of another face."""
        faces = readings[place].faces if readings else ()
        return faces[face].probabilities if face < len(faces) else None

    def _show(self, one: Reading, regions: bool, chosen: int = 0) -> tuple[Any, Any, Any]:
        """Picture, faces to choose from, bars of the chosen one."""
        names = [(_named(number, face), number) for number, face in enumerate(one.faces)]
        radio = gr.update(choices=names, value=chosen if names else None, visible=len(names) > 1)
        return one.picture(regions), radio, one.faces[chosen].probabilities if one.faces else None

    def _video(self, readings: list[Reading]) -> tuple[Any, Any, Any]:
        """Gallery, expressions over time and table of a video; a photo needs none."""
        if readings[0].seconds is None:
            none = gr.update(value=None, visible=False)
            return gr.update(value=[], visible=False), none, none
        over_time = video.over_time(readings)
        return (
            gr.update(value=video.pictures(readings), visible=True),
            gr.update(value=over_time, visible=over_time is not None),
            gr.update(value=video.rows(readings), visible=True),
        )


def _named(number: int, face: Face) -> str:
    which = number + 1 if face.track is None else f"track {face.track}"
    return f"{which}: {face.label} {face.confidence:.0%}"
