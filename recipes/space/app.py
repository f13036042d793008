"""`fra-zoo demo` as a Hugging Face Space; on your own machine: python recipes/space/app.py

A Space reads the address to listen on from its environment, and its photos do leave the machine of who gives them: the
page says so.
"""

from fra_zoo.demo.page import ELSEWHERE, build_page
from fra_zoo.demo.serve import passing_files, serve, wait

with passing_files():
    page = build_page(note=ELSEWHERE)
    if __name__ == "__main__":
        print(serve(page, host=None), flush=True)
        wait(page)
