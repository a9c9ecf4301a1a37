"""The console in a real browser: every page, by axe-core's rules, in light and dark and on a phone; keyboard, tail and hostile data.

Each page is kept as a picture in ``build/console``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pictures import browser

from beam_dis import DISClient, PutRecord
from beam_dis.dump_tasks import OBSDestination
from beam_dis.local import LocalDIS
from beam_dis.testing import Latency

pytestmark = [pytest.mark.browser, pytest.mark.integration]

ROOT = Path(__file__).parents[3]
PICTURES = ROOT / "build" / "console"
WAIT_SECONDS = 30

FLIGHT = json.dumps(
    {
        "type": "record",
        "name": "flight",
        "fields": [{"name": "flight", "type": "string"}, {"name": "delay", "type": "int"}],
    }
)
HOSTILE = [
    "<script>window.hit = 1</script>",
    '"><img src=x onerror="window.hit = 1">',
    "</pre></td></table><h1>out</h1>",
    "javascript:window.hit=1",
    "a\0b\x1b[31mred",
    "abc\u202edef\u2066ghi\u200f",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "x" * 1_000_000,
]
LOOKS = {"light": (1280, False), "dark": (1280, True), "phone": (390, False)}
"""The name of a look → the width of the window, and whether the system is dark."""

PAGES = {
    "streams": "/",
    "stream": "/streams/{flights}",
    "records": "/streams/{flights}/records",
    "records-hex": "/streams/{flights}/records?view=hex&from=start&filter=4c",
    "record": "/streams/{flights}/records/0/3",
    "hostile": "/streams/{hostile}/records",
    "hostile-record": "/streams/{hostile}/records/0/7",
    "tail": "/streams/{flights}/tail",
    "put": "/streams/{flights}/put",
    "apps": "/apps",
    "app": "/apps/{delays}",
    "requests": "/requests",
    "dump-tasks": "/dump-tasks",
    "faults": "/faults?kind=Failing",
    "error": "/streams/unknown",
}


class Visitor:
    """A browser with the console's cookie."""

    def __init__(self, driver: Any, dis: LocalDIS, ids: dict[str, str]) -> None:
        self.driver = driver
        self.dis = dis
        self._ids = ids

    def look(self, name: str) -> None:
        width, dark = LOOKS[name]
        command = self.driver.execute_cdp_cmd
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        command("Emulation.setEmulatedMedia", {"features": [scheme]})
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        command("Emulation.setDeviceMetricsOverride", size)

    def visit(self, path: str) -> None:
        self.driver.get(f"{self.dis.endpoint}/console{path.format(**self._ids)}")

    def script(self, source: str, *arguments: Any) -> Any:
        return self.driver.execute_script(f"return {source}", *arguments)

    def text(self, selector: str = "main") -> str:
        return str(self.script("document.querySelector(arguments[0]).textContent", selector))

    def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until a condition holds; a part that is just replaced doesn't fulfil it."""
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(self.driver, WAIT_SECONDS, 0.05, ignored_exceptions=(WebDriverException,))
        return wait.until(lambda _: condition())

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        (PICTURES / f"{name}.png").write_bytes(base64.b64decode(page["data"]))

    def violations(self, axe: str) -> list[str]:
        """What axe-core finds on the page, with the elements."""
        self.driver.execute_script(axe)
        found = self.driver.execute_async_script(
            "axe.run(document, {resultTypes: ['violations']}).then(arguments[0], e => arguments[0]({violations: [String(e)]}))"
        )
        return [f"{rule['id']}: {[node['html'][:200] for node in rule['nodes']][:3]}" for rule in found["violations"]]

    def problems(self) -> list[str]:
        """What the browser has logged: scripts that fail or are forbidden, files that are missing."""
        return [line["message"] for line in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def dis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDIS]:
    """A local DIS with something on each page."""
    buckets = tmp_path_factory.mktemp("buckets")
    (buckets / "lake").mkdir()
    with LocalDIS(obs_folder=buckets) as dis, DISClient(dis.connection) as client:
        client.create_stream("flights", partition_count=2, data_type="JSON", data_schema=FLIGHT)
        client.create_stream("hostile", partition_count=1)
        rows = [json.dumps({"flight": f"LH{n % 7}", "delay": n}).encode() for n in range(300)]
        client.put_records("flights", [PutRecord(row, partition_key=f"LH{n % 7}") for n, row in enumerate(rows)])
        client.put_records("hostile", [PutRecord(t.encode(), partition_key=t[:60]) for t in HOSTILE[:-1]])
        client.put_records("hostile", [PutRecord(HOSTILE[-1].encode())])
        client.create_app("delays")
        client.commit_checkpoint("delays", stream_name="flights", partition_id=0, sequence_number=7)
        client.create_dump_task("flights", OBSDestination(task_name="to-lake", obs_bucket_path="lake"))
        dis.inject(Latency(seconds=0.001, operation="list_streams"))
        client.list_streams()
        yield dis


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with browser() as driver:
        driver.set_script_timeout(WAIT_SECONDS)
        yield driver


@pytest.fixture(scope="module")
def visitor(driver, dis) -> Visitor:
    driver.get(dis.console_url)
    ids = {}
    for path in ("/console/", "/console/apps"):
        driver.get(dis.endpoint + path)
        links = driver.find_elements("css selector", "tbody th a")
        ids |= {link.text: link.get_attribute("href").rpartition("/")[2] for link in links}
    return Visitor(driver, dis, ids)


@pytest.fixture(scope="module")
def axe(npm: Path) -> str:
    return (npm / "axe-core" / "axe.min.js").read_text("utf-8")


@pytest.fixture
def light(visitor) -> Visitor:
    visitor.look("light")
    visitor.problems()
    return visitor


def test_the_address_hides_its_token_and_the_cookie_from_scripts(light):
    light.driver.get(light.dis.console_url)
    assert (light.driver.current_url, light.script("document.cookie")) == (f"{light.dis.endpoint}/console/", "")


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_fits_and_has_no_problems(visitor, axe, name, look):
    visitor.look(look)
    visitor.problems()
    visitor.visit(PAGES[name])
    visitor.until(lambda: visitor.script("document.readyState") == "complete")
    if name in {"stream", "app"}:
        visitor.until(lambda: visitor.script("document.querySelector('.chart canvas') !== null"))
    visitor.picture(f"{name}-{look}")
    assert visitor.violations(axe) == []
    assert visitor.script("document.documentElement.scrollWidth <= window.innerWidth")
    assert [p for p in visitor.problems() if name != "error" or "404" not in p] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_nothing_from_elsewhere(light, name):
    light.visit(PAGES[name])
    loaded = light.script("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert {address for address in loaded if not address.startswith(f"{light.dis.endpoint}/console/")} == set()


@pytest.mark.parametrize("path", ["/streams/{hostile}/records", "/streams/{hostile}/tail", "/streams/{hostile}"])
def test_hostile_data_and_keys_are_text(light, path):
    light.visit(path)
    light.until(lambda: "window.hit = 1" in light.text())
    assert light.script("window.hit === undefined && document.querySelectorAll('main img, main h1').length === 1")
    assert light.script("[...document.scripts].every(script => script.src.includes('/console/static/'))")
    shown = light.text()
    assert "<script>window.hit = 1</script>" in shown
    assert "a\u27e8U+0000\u27e9b\u27e8U+001B\u27e9[31mred" in shown
    assert "abc\u27e8U+202E\u27e9def\u27e8U+2066\u27e9ghi" in shown


def test_a_line_of_a_megabyte_stays_inside_the_page(light):
    light.visit("/streams/{hostile}/records/0/7")
    assert "800,000 more" in light.text()
    assert light.script("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_keyboard_skips_to_the_content(light):
    from selenium.webdriver.common.keys import Keys

    light.visit("/")
    light.driver.switch_to.active_element.send_keys(Keys.TAB)
    assert light.script("document.activeElement.textContent") == "Skip to the content"
    light.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert light.script("document.activeElement.id") == "content"


def test_a_keyboard_reaches_every_link_and_field_and_shows_where_it_is(light):
    from selenium.webdriver.common.keys import Keys

    light.visit("/faults")
    wanted = light.script("document.querySelectorAll('a, button, input:not([type=hidden]), select, .scroll').length")
    reached = set()
    for _ in range(wanted):
        light.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(light.script("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        outline = light.script("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", light.script("document.activeElement.outerHTML")
    assert len(reached) == wanted


def test_the_theme_is_switched_by_keyboard_and_stays(light):
    from selenium.webdriver.common.keys import Keys

    light.visit("/")
    before = light.script("getComputedStyle(document.body).backgroundColor")
    light.driver.find_element("id", "theme").send_keys(Keys.ENTER)
    light.visit("/apps")
    assert light.script("document.documentElement.dataset.theme") == "dark"
    assert light.script("getComputedStyle(document.body).backgroundColor") != before
    light.driver.find_element("id", "theme").click()
    assert light.script("getComputedStyle(document.body).backgroundColor") == before
    light.script("localStorage.clear()")


def test_the_tail_shows_what_arrives_and_stops_while_it_is_paused(light):
    def entries() -> str:
        return light.text("#tail")

    with DISClient(light.dis.connection) as client:
        light.visit("/streams/{flights}/tail")
        client.put_records("flights", [PutRecord(b'{"flight": "first", "delay": 1}')])
        light.until(lambda: '"first"' in entries())
        pause = light.driver.find_element("id", "pause")
        pause.click()
        assert pause.get_attribute("aria-pressed") == "true"
        client.put_records("flights", [PutRecord(b'{"flight": "second", "delay": 1}')])
        light.script("new Promise(resolve => setTimeout(resolve, 2500))")
        assert '"second"' not in entries()
        pause.click()
        light.until(lambda: '"second"' in entries())


def test_the_page_of_streams_refreshes_itself_but_not_under_the_focus(light):
    with DISClient(light.dis.connection) as client:
        client.create_stream("young", partition_count=1)
        light.visit("/?filter=young")
        client.put_records("young", [PutRecord(b"x")] * 3)
        light.until(lambda: "3" in light.driver.find_element("css selector", "tbody td:nth-of-type(3)").text)
        link = light.driver.find_element("css selector", "tbody a")
        light.script("arguments[0].focus()", link)
        light.script("htmx.trigger(document.getElementById('live'), 'htmx:abort')")
        light.script("htmx.ajax('GET', location.href, {target: '#live', select: '#live', swap: 'outerHTML'})")
        light.script("new Promise(resolve => setTimeout(resolve, 500))")
        assert light.script("document.activeElement === arguments[0]", link)


def test_a_page_says_when_the_server_does_not_answer(tmp_path_factory, driver):
    with LocalDIS() as dis:
        driver.get(dis.console_url)
        visitor = Visitor(driver, dis, {})
    visitor.script("htmx.trigger(document.getElementById('live'), 'htmx:abort')")
    visitor.until(lambda: "The server doesn't answer" in visitor.text())
    visitor.problems()


def test_a_record_is_put_and_found_by_forms(light):
    light.visit("/streams/{hostile}/put")
    light.driver.find_element("id", "data").send_keys("from a form")
    light.driver.find_element("css selector", "form.fields button").click()
    light.until(lambda: "Put into hostile: record" in light.text())
    light.visit("/streams/{hostile}/records")
    light.driver.find_element("id", "filter").send_keys("from a form\n")
    light.until(lambda: "found 1" in light.text())


def test_a_form_of_another_site_changes_nothing(light):
    form = f'<form method="post" action="{light.dis.endpoint}/console/clock"><input name="hours" value="1"></form>'
    light.driver.get(f"data:text/html,{form}<script>document.forms[0].submit()</script>")
    light.until(lambda: "may not use this server" in light.text("body"))
