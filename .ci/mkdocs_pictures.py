"""For mkdocs: the pictures that lie with the weights in the package become part of the site.

A page links to them as they lie in the repository, so that it reads the same on a code host; here the links are turned.
"""

from pathlib import Path

from mkdocs.structure.files import File

PRETRAINED = Path("fra_zoo/models/pretrained")
SITE = "assets/pretrained"


def on_files(files, config):
    """Add the pictures."""
    root = Path(config.config_file_path).parent / PRETRAINED
    for picture in sorted(file for kind in ("*.png", "*.webp") for file in root.glob(f"*/{kind}")):
        name = f"{SITE}/{picture.relative_to(root).as_posix()}"
        files.append(File.generated(config, name, abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown, **_):
    """Turn the links."""
    return markdown.replace(f"../{PRETRAINED.as_posix()}", SITE)
