# SPDX-License-Identifier: GPL-2.0-or-later
"""What the pages for operators say, held against the sources and the programs."""

import re
import shutil
import subprocess

import pytest

import lab as labs
from kalias import kalias
from tree import TOP

MODULE_PAGE = TOP / "src/mod-alias.rst"
MONITORING_PAGE = TOP / "src/mod-alias-monitoring.rst"
TOOL_PAGE = TOP / "src/kalias/kalias.rst"
PAGES = {page.stem: page for page in (MODULE_PAGE, MONITORING_PAGE, TOOL_PAGE)}
# database.c has SQL, and no message
MODULE_SOURCES = sorted(path for path in (TOP / "src").glob("*/*.c")
                        if path.parent.name != "kalias" and path.name != "database.c")
TOOL_SOURCES = sorted((TOP / "src/kalias").glob("*.[ch]"))

C_TOKEN = re.compile(r"""/\*.*?\*/ | '(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" """, re.S | re.X)
# What is text in a C source but no message
C_OTHER = re.compile(r"""_Static_assert\(.*?\); | command_t\ commands\[\]\ =.*?^}; | \[PROBLEM\w+\]\ +=\ \{.*?\} |
                         void\ print_(?:help|update).*?^} | printf\([^;]*PROGRAM[^;]*; """, re.S | re.M | re.X)
CONVERSION = re.compile(r"%(?:[-0*]*[0-9.]*(?:hh?|ll?|z)?[a-zA-Z])?")


# Reading the pages

def sections(page, line):
    """Sections by title; `line` is the character that underlines titles of their level."""
    parts = re.split(rf"^(\S.*)\n[{line}]{{2,}}\n", page.read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def literals(text):
    """What stands in double backticks."""
    return [re.sub(r"\s+", " ", literal) for literal in re.findall(r"``(.+?)``", text, re.S)]


def terms(text):
    """Terms of definition lists with their definitions."""
    parts = re.split(r"^(?! )(\S.*)\n(?= +\S)", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def options():
    """Sections of the module's options."""
    text = sections(MODULE_PAGE, "=")["Module reference"]
    parts = re.split(r"^([a-z-]+)\n-{2,}\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


# Reading C sources

def c_strings(path):
    """String literals, adjacent ones joined; comments and what is no message left out."""
    text = C_OTHER.sub("", path.read_text())
    found, end = [], None
    for token in C_TOKEN.finditer(text):
        if token.group().startswith('"'):
            string = re.sub(r"\\[nrt]", " ", token.group().strip()[1:-1])
            string = re.sub(r"\\(.)", r"\1", string)
            if end is not None and not text[end:token.start()].strip():
                found[-1] += string
            else:
                found.append(string)
            end = token.end()
    return found


def fragments(string):
    """What of a message does not vary; in front of it pages leave out where it is."""
    return [part for part in (part.strip(" :") for part in CONVERSION.split(string)) if part]


def messages(sources):
    """Literals that are text: more than one word, one of them of some length. JSON has quotes."""
    return sorted({string for path in sources for string in c_strings(path)
                   if re.search(r"[a-z]{2}.* \S|\S .*[a-z]{2}", " ".join(fragments(string))) and '"' not in string})


def matches(message, text):
    return re.search(".*".join(re.escape(part) for part in fragments(message)), text)


def schema():
    """The options of conf.c: {name: (type, the words of its value)}."""
    text = (TOP / "src/module/conf.c").read_text()
    items = re.findall(r'^\t\{ NAME\("([a-z-]+)"\),\s+YP_T(\w+),\s+YP_V\w+(?: = \{ (.*?) \})?', text, re.M)
    return {name: (kind, [word.strip() for word in value.split(",")]) for name, kind, value in items}


def number(word):
    """A constant expression of conf.c."""
    constants = {"INT32_MAX": 2**31 - 1, "MINUTE": 60, "DAY": 86400, "POLICY_WEEK": 7 * 86400}
    product = 1
    for factor in word.split(" * "):
        product *= constants[factor] if factor in constants else int(factor)
    return product


def seconds_of(text):
    """A number as in knot.conf: 300, 5s, 5m, 1d."""
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
    value, unit = re.fullmatch(r"(\d+)([smhd]?)", text).groups()
    return int(value) * units[unit]


# Messages

@pytest.mark.parametrize("page, sources", [(MONITORING_PAGE, MODULE_SOURCES), (TOOL_PAGE, TOOL_SOURCES)],
                         ids=["module", "tool"])
def test_messages_are_listed(page, sources):
    """Whatever the log or the terminal shows can be looked up."""
    listed = literals(sections(page, "=")["Messages"])
    found = messages(sources)
    assert len(found) > 5
    assert [message for message in found if not any(matches(message, text) for text in listed)] == []


def test_listed_messages_exist():
    """The monitoring page has no messages that the module does not write any more."""
    listed = [literal for term in terms(sections(MONITORING_PAGE, "=")["Messages"]) for literal in literals(term)]
    found = [message for message in messages(MODULE_SOURCES) if max(map(len, fragments(message))) > 9]
    assert len(listed) > 20
    assert [text for text in listed if not any(matches(message, text) for message in found)] == [
        "value is out of range"]  # Knot's own


# Options of the module

def test_options_are_described():
    """Each option has a section, a line in the skeleton and one in the README, and nothing else has."""
    skeleton = re.findall(r"^ {5,7}(?:- )?([a-z-]+): ", sections(MODULE_PAGE, "=")["Module reference"], re.M)
    readme = re.findall(r"^\| \[`([a-z-]+)`\]\(src/mod-alias\.rst#([a-z-]+)\) \|", (TOP / "README.md").read_text(),
                        re.M)
    names = list(schema())
    assert len(names) > 10
    assert list(options()) == skeleton == ["id", *names]
    assert readme == [(name, name) for name in names]


def documented_default(name):
    return re.search(r"^\*Default:\* (.+)$", options()[name], re.M)[1].strip("`")


def readme_default(name):
    row = re.search(rf"^\| \[`{name}`\]\S* \|([^|]*)\|", (TOP / "README.md").read_text(), re.M)
    return row[1].strip(" `") or "not set"


@pytest.mark.parametrize("name", schema())
def test_default_and_range(name):
    """They are those of the schema."""
    kind, words = schema()[name]
    default = documented_default(name)
    if name == "resolver":
        assert "resolv.conf" in default and "resolv.conf" in readme_default(name)
        return
    assert readme_default(name) == default
    if kind == "INT":
        low, high, value = map(number, words[:3])
        assert seconds_of(default) == value
        assert re.search(rf"^\*Range:\* {low} to {high}\b", options()[name], re.M)
        assert ("milliseconds" in options()[name]) == (name in ("timeout", "cold-wait"))
        assert (" seconds" in options()[name].partition("*Range:*")[2]) == ("YP_STIME" in words)
    elif kind == "STR":
        assert f'"{default}"' == words[0]
    elif kind == "OPT":
        modes = re.findall(r'^\t\{ (\w+), +"(\w+)" \},$', re.search(
            rf"{words[0]}\[\] = \{{(.*?)^\}}", (TOP / "src/module/conf.c").read_text(), re.S | re.M)[1], re.M)
        assert re.findall(r"^- ``(\w+)``: ", options()[name], re.M) == [mode for _, mode in modes]
        assert default == dict(modes)[words[1]]
    elif kind == "BOOL":
        assert default == "off"
    else:
        assert default == "not set"


# Counters

def test_counters_are_described(place, upstream):
    """Each counter that knotc shows, and each of its parts."""
    listed = {}
    for names, text in terms(sections(MONITORING_PAGE, "=")["Counters"]).items():
        listed.update(dict.fromkeys(names.split(", "), text))
    with labs.lab(place, upstream) as lab:
        shown = lab.knot.stats()
    assert len(shown) > 20
    assert {name.partition("[")[0] for name in shown} == set(listed)
    for name in shown:
        counter, _, part = name.rstrip("]").partition("[")
        assert not part or f"*{part}*" in listed[counter], name


def test_complaints_lead_to_counters():
    """What is said about complaints speaks of counters, parts and options that the pages explain."""
    pages = sections(MONITORING_PAGE, "=")
    explained = re.findall(r"\*(\S+?)\*", pages["Counters"]) + list(options())
    for names in terms(pages["Counters"]):
        explained += names.split(", ")
    named = set(re.findall(r"\*([a-z.+-]+)\*", pages["Which counter to look at"]))
    assert len(named) > 20
    assert named - set(explained) == set()


# The tool

def test_commands_are_described():
    """Each command has a section with its synopsis."""
    listed = re.findall(r"^ (\w+) +(\S.*?)  +\S.*\.$", kalias("--help").stdout.partition("Commands:")[2], re.M)
    assert len(listed) > 5
    commands = sections(TOOL_PAGE, "-")
    for name, arguments in listed:
        synopsis = re.sub(r"\*|\\ ", "", commands[name].split("\n\n")[0].strip())
        words = [f"kalias {name}", *arguments.replace("[OPTION...]", "").split()]
        assert re.fullmatch(".*".join(re.escape(word) for word in words), synopsis)


def test_tool_options_are_described():
    """Each option of the program and of its commands."""
    names = {name for path in TOOL_SOURCES
             for name in re.findall(r'\{ "([a-z-]+)", +(?:no|required)_argument,', path.read_text())}
    assert {"socket", "help"} < names
    described = {name for term in terms(TOOL_PAGE.read_text()) for name in re.findall(r"\*\*--([a-z-]+)\*\*", term)}
    assert described >= names


def test_json_is_described():
    """Each key and each status that `kalias check --json` can print."""
    printed = set()
    for path in TOOL_SOURCES:
        text = path.read_text()
        printed |= set(re.findall(r'\\"([a-z_]+)\\":', text))
        printed |= set(re.findall(r'\[PROBLEM\w+\] += \{ "([a-z-]+)"', text))
        printed |= set(re.findall(r'"([a-z_]+)"', " ".join(re.findall(r"print_(?:json_name|number|both)\(.*", text))))
    described = set(re.findall(r"[a-z][a-z_-]*", " ".join(
        [*terms(TOOL_PAGE.read_text()), *re.findall(r"^ +[a-z_, ]+$", TOOL_PAGE.read_text(), re.M),
         *re.findall(r"\*(\w+)\*", TOOL_PAGE.read_text())])))
    assert printed - described == set()


# Form

def anchors(path):
    """What links may name in a page, as code forges derive it from titles."""
    text = path.read_text()
    titles = (re.findall(r"^(\S.*)\n[=-]{2,}$", text, re.M) if path.suffix == ".rst" else
              re.findall(r"^#+ (.*)$", text, re.M))
    return {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", ["README.md", "src/README.md", "samples/other-tools/README.md"])
def test_links(page):
    """What a README links to is there, with the section that is named."""
    path = TOP / page
    links = [link for link in re.findall(r"\]\(([^)]+)\)", path.read_text()) if "://" not in link]
    assert links or page != "README.md"
    for link in links:
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def version():
    """The version that is built."""
    return re.search(r"AC_INIT\(\[mod-alias\], \[(.*?)\]\)", (TOP / "configure.ac").read_text())[1]


def man_section(page):
    return re.search(r"^:Manual section: (\d)$", page.read_text(), re.M)[1]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_man_page(page):
    """It has the version that is built, and makes a man page without a complaint."""
    assert f"\n:Version: {version()}\n" in page.read_text()
    program = shutil.which("rst2man") or shutil.which("rst2man.py")
    if not program:
        pytest.skip("no rst2man here")
    done = subprocess.run([program, "--strict", page], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf'^\.TH "?{page.stem}"? "?{man_section(page)}"? ', done.stdout, re.M | re.I)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_references(page):
    """It refers to the other pages, by the sections that they have."""
    known = {(name, man_section(other)) for name, other in PAGES.items()}
    named = set(re.findall(r"\b(mod-alias[a-z-]*|kalias)\((\d)\)", page.read_text()))
    assert named | {(page.stem, man_section(page))} == known


def test_news():
    """The newest entry is that of the version that is built."""
    assert (TOP / "NEWS").read_text().startswith(f"mod-alias {version()} (")


def test_spec():
    """The spec for RPM is for the version that is built."""
    spec = (TOP / "samples/packaging/mod-alias.spec").read_text()
    assert re.search(r"^Version: +(.*)", spec, re.M)[1] == version()
