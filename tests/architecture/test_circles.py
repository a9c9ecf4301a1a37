"""No circle of imports: not between files, and not between the files and subfolders of any folder.

Imports inside functions count. They work at run time, but then a reader can't tell which of two files builds on the other.
"""

from __future__ import annotations


def make_package(folder, **files):
    """A package ``tiny`` of these files; ``a__b`` is ``a/b.py``."""
    package = folder / "tiny"
    for name, text in files.items():
        path = package.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return package


def test_beam_dis_has_no_circle(root, circles_in):
    assert circles_in(root / "beam_dis") == {}


def test_a_circle_at_the_top_of_files_is_found(tmp_path, circles_in):
    package = make_package(tmp_path, one="import tiny.two", two="from tiny.one import x")
    assert sorted(circles_in(package)["files"][1:]) == ["one.py", "two.py"]


def test_a_circle_through_an_import_inside_a_function_is_found(tmp_path, circles_in):
    package = make_package(
        tmp_path,
        one="from tiny.two import x",
        two="from tiny import three",
        three="def later():\n    from tiny.one import y\n",
        four="from tiny.one import y",
    )
    assert circles_in(package)["files"] in (
        ["one.py", "two.py", "three.py", "one.py"],
        ["two.py", "three.py", "one.py", "two.py"],
        ["three.py", "one.py", "two.py", "three.py"],
    )


def test_folders_that_import_each_other_are_found_though_no_files_do(tmp_path, circles_in):
    package = make_package(tmp_path, a__x="import tiny.b.y", a__z="Z = 1", b__y="from tiny.a.z import Z")
    assert circles_in(package) == {"/": ["a", "b", "a"]} or circles_in(package) == {"/": ["b", "a", "b"]}


def test_a_circle_within_a_subfolder_is_found(tmp_path, circles_in):
    package = make_package(
        tmp_path, r__a__x="import tiny.r.b.y", r__a__z="", r__b__y="def f():\n    import tiny.r.a.z\n"
    )
    assert set(circles_in(package)["r/"]) == {"a", "b"}


def test_imports_for_type_checkers_alone_are_no_circle(tmp_path, circles_in):
    only_types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tiny.two import X\n"
    assert circles_in(make_package(tmp_path, one=only_types, two="import tiny.one")) == {}
