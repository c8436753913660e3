"""`warren dashboard` lets in who may come in, over real HTTP and sockets: what a browser would send, and worse.

Not here: what the pages show. No broker is needed: the pages say that there is none.
"""

from __future__ import annotations

import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from tests.support.certificates import make_certificates
from tests.support.cli import RunningCli, cli, environment, running_cli
from tests.support.dashboard_sockets import close_code, greet, page_id, socket_of
from tests.support.dashboards import DashboardUnderTest, dashboard_running
from tests.support.waiting import wait_until
from warren.integrations.loopback_ports import free_port

NO_BROKER = "amqp://guest:topsecret@127.0.0.1:1/%2F"
PASSWORD = "correct horse"
POLL = "_nicegui_ws/socket.io/?EIO=4&transport=polling"
PAGES = ("", "dead-letters", "types", "audit", "queues/billing.invoices", "nowhere")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="module")
def open_one(folder: Path) -> Iterator[DashboardUnderTest]:
    """On loopback, without a login."""
    with dashboard_running(folder, broker=NO_BROKER, target=None) as running:
        yield running


@pytest.fixture(scope="module")
def closed(folder: Path) -> Iterator[DashboardUnderTest]:
    """With a login, behind a proxy on this machine."""
    options = {"WARREN_DASHBOARD_PASSWORD": PASSWORD, "FORWARDED_ALLOW_IPS": "127.0.0.1"}
    with dashboard_running(folder, broker=NO_BROKER, target=None, **options) as running:
        yield running


@contextmanager
def browser(dashboard: DashboardUnderTest, **headers: str) -> Iterator[httpx.Client]:
    """What sends requests as a browser does, and keeps cookies, and follows nothing."""
    given = {"accept": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
    with httpx.Client(base_url=f"{dashboard.base}/", headers=given, trust_env=False, timeout=20.0) as client:
        yield client


def log_in(client: httpx.Client, *, password: str = PASSWORD, wanted: str = "/") -> httpx.Response:
    return client.post("login", data={"user": "warren", "password": password, "next": wanted})


def cookie_header(client: httpx.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def refused_status(dashboard: DashboardUnderTest, page: str, **headers: str) -> int:
    with pytest.raises(InvalidStatus) as refused, socket_of(dashboard, page, **headers):
        pass
    return refused.value.response.status_code


# -- on this machine, without a login -----------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_closes_the_ways_of_other_sites_into_it(open_one: DashboardUnderTest, path: str) -> None:
    with browser(open_one) as client:
        answer = client.get(path)
    assert answer.status_code in (200, 404)
    headers = answer.headers
    for part in ("default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"):
        assert part in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers
    assert "topsecret" not in answer.text


def test_it_says_where_it_listens_and_takes_other_pages_for_unknown(open_one: DashboardUnderTest) -> None:
    assert f"dashboard at {open_one.base}/\n" in open_one.running.stderr
    with browser(open_one) as client:
        assert client.get("nowhere").status_code == 404
        assert client.get("healthz").text == "ok\n"
        for path in ("docs", "openapi.json", "redoc"):
            assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", [*PAGES, "static/style.css", POLL, "login"])
def test_a_name_that_is_not_loopbacks_is_not_answered_to(open_one: DashboardUnderTest, path: str) -> None:
    """A page on the web could have its own name lead to this machine."""
    with browser(open_one, host="evil.example") as client:
        answer = client.get(path)
    assert answer.status_code == 403
    assert "does not answer to the name" in answer.text
    assert "Warren" not in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_what_another_sites_page_sends_is_refused(open_one: DashboardUnderTest, origin: str) -> None:
    with browser(open_one, origin=origin) as client:
        assert client.get("").status_code == 403
        assert client.post(POLL, content=b"40").status_code == 403
        polled = client.get(POLL)
    assert polled.status_code == 403
    assert "access-control-allow-origin" not in polled.headers


def test_a_form_of_another_site_is_refused_where_the_browser_tells_no_origin(open_one: DashboardUnderTest) -> None:
    with browser(open_one, sec_fetch_site="cross-site") as client:
        assert client.post("", data={"a": "b"}).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("what", ["image", "iframe", "script", "empty"])
def test_another_site_can_link_to_a_page_and_cannot_embed_it(
    open_one: DashboardUnderTest, site: str, what: str
) -> None:
    with browser(open_one, sec_fetch_site=site, sec_fetch_dest=what) as client:
        assert client.get("dead-letters").status_code == 403
    with browser(open_one, sec_fetch_site=site, sec_fetch_dest="document") as client:
        assert client.get("dead-letters").status_code == 200


def test_a_socket_opens_for_our_own_page_and_for_no_other(open_one: DashboardUnderTest) -> None:
    with browser(open_one) as client:
        page = page_id(client.get("").text)
    with socket_of(open_one, page) as opened:
        greet(opened)
    assert refused_status(open_one, page, origin="http://evil.example") == 403
    assert refused_status(open_one, page, origin="null") == 403
    assert refused_status(open_one, page, **{"sec-fetch-site": "same-site"}) == 403


def test_a_request_that_came_through_a_proxy_needs_a_login(open_one: DashboardUnderTest) -> None:
    with browser(open_one, x_forwarded_host="warren.example") as client:
        answer = client.get("")
    assert answer.status_code == 403
    assert "give it a user and a password" in answer.text
    with browser(open_one, x_forwarded_for="192.0.2.7") as client:
        assert client.get("").status_code == 403


def test_a_prefix_that_a_proxy_took_away_is_in_every_address_and_a_forged_one_in_none(
    open_one: DashboardUnderTest,
) -> None:
    with browser(open_one, x_forwarded_prefix="/warren") as client:
        page = client.get("").text
    assert 'href="/warren/static/style.css' in page
    for forged in ('/"><script>alert(1)</script>', "//evil.example", "https://evil.example", "/a/../b c"):
        with browser(open_one, x_forwarded_prefix=forged) as client:
            page = client.get("").text
        assert "evil.example" not in page
        assert "alert(1)" not in page
        assert 'href="/static/style.css' in page


# -- with a login -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PAGES, "message?queue=a&key=b"])
def test_who_has_not_logged_in_is_asked_to_and_sees_nothing(closed: DashboardUnderTest, path: str) -> None:
    with browser(closed) as client:
        answer = client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")
        assert answer.text == ""
        form = client.get(answer.headers["location"])
    assert form.status_code == 200
    assert 'action="/login"' in form.text
    assert "script-src 'self'" in form.headers["content-security-policy"]
    assert "unsafe" not in form.headers["content-security-policy"]
    assert form.headers["cache-control"] == "no-store"
    assert "server" not in form.headers


@pytest.mark.parametrize("path", ["", "_nicegui/x/components/a", POLL])
def test_what_is_no_page_is_refused_without_a_login(closed: DashboardUnderTest, path: str) -> None:
    with browser(closed, accept="*/*") as client:
        assert client.get(path).status_code == 401
        assert client.post(path, content=b"40").status_code == 401


def test_a_socket_is_refused_without_a_login(closed: DashboardUnderTest) -> None:
    assert refused_status(closed, "0") == 403
    assert refused_status(closed, "0", cookie=f"warren_{closed.base.rpartition(':')[2]}=forged.cookie") == 403
    assert refused_status(closed, "0", origin="") == 403


def test_health_and_looks_need_no_login_and_make_no_page(closed: DashboardUnderTest) -> None:
    with browser(closed) as client:
        assert client.get("static/nowhere.css").status_code == 303
        assert client.get("healthz").status_code == 200
        assert client.get("static/style.css").status_code == 200


def test_a_login_leads_where_one_wanted_to_go_and_its_cookie_is_hidden(closed: DashboardUnderTest) -> None:
    with browser(closed) as client:
        asked = client.get("dead-letters/a%3Fb%25?fingerprint=c&filter=d").headers["location"]
        form = client.get(asked).text
        wanted = re.search(r'name="next" value="([^"]*)"', form)
        assert wanted
        done = log_in(client, wanted=wanted[1].replace("&amp;", "&"))
        assert done.status_code == 303
        assert done.headers["location"] == "/dead-letters/a%3Fb%25?fingerprint=c&filter=d"
        cookie = done.headers["set-cookie"]
        for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
            assert part in cookie
        assert "Secure" not in cookie  # this is HTTP
        assert client.get("").status_code == 200


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "\n"]
)
def test_a_login_leads_nowhere_else(closed: DashboardUnderTest, wanted: str) -> None:
    with browser(closed) as client:
        assert log_in(client, wanted=wanted).headers["location"] == "/"


def test_over_https_the_cookie_goes_over_nothing_else(closed: DashboardUnderTest) -> None:
    with browser(closed, x_forwarded_proto="https") as client:
        assert "Secure" in log_in(client).headers["set-cookie"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_another_site_can_neither_log_in_nor_out(closed: DashboardUnderTest, origin: str) -> None:
    with browser(closed) as client:
        log_in(client)
        client.headers["origin"] = origin
        assert log_in(client).status_code == 403
        assert client.post("logout").status_code == 403
        del client.headers["origin"]
        assert client.get("").status_code == 200


def test_a_link_from_another_site_is_followed_once_more_from_ours(closed: DashboardUnderTest) -> None:
    """The cookie is not sent along with it; after that it is."""
    with browser(closed, sec_fetch_site="cross-site", sec_fetch_dest="document") as client:
        answer = client.get("queues/a%3Fb%25?x=1")
        assert answer.status_code == 200
        assert answer.headers["refresh"] == "0; url=/queues/a%3Fb%25?x=1"
        assert answer.text == ""


def test_logging_out_ends_the_session_and_closes_the_sockets_of_its_pages(closed: DashboardUnderTest) -> None:
    with browser(closed) as client:
        log_in(client)
        page, cookie = page_id(client.get("").text), cookie_header(client)
        with socket_of(closed, page, cookie=cookie) as opened:
            greet(opened)
            out = client.post("logout")
            assert out.status_code == 303
            assert close_code(opened) == 4401
        assert client.get("").status_code == 303
    with browser(closed, cookie=cookie) as thief:  # who has kept the cookie
        assert thief.get("").status_code == 303
    assert refused_status(closed, page, cookie=cookie) == 403


def test_a_session_that_is_too_old_ends_its_sockets_and_asks_for_a_login(folder: Path) -> None:
    options = {"broker": NO_BROKER, "target": None, "WARREN_DASHBOARD_PASSWORD": PASSWORD}
    with dashboard_running(folder, "--session", "10s", **options) as dashboard, browser(dashboard) as client:  # type: ignore[arg-type]
        log_in(client)
        client.get("")  # the first page of a process takes longest
        assert "Max-Age=10" in log_in(client).headers["set-cookie"]
        page, cookie = page_id(client.get("").text), cookie_header(client)
        with socket_of(dashboard, page, cookie=cookie) as opened:
            greet(opened)
            assert close_code(opened) == 4401
        client.headers["cookie"] = cookie
        assert client.get("").status_code == 303


def test_who_guesses_passwords_has_to_wait_and_the_log_has_no_password(closed: DashboardUnderTest) -> None:
    # Another address than that of the other tests: the proxy is believed.
    with browser(closed, x_forwarded_for="192.0.2.99") as client:
        answer = log_in(client, password="guessed-password")
        assert answer.status_code == 401
        assert "User or password is wrong." in answer.text

        def is_paused_for_long() -> bool:
            return int(log_in(client, password="guessed-password").headers.get("retry-after", 0)) >= 4

        wait_until(is_paused_for_long, timeout=60.0, message=lambda: "no pause, or none that grows")
        paused = log_in(client)
        assert paused.status_code == 429
        assert int(paused.headers["retry-after"]) >= 1
        assert "set-cookie" not in paused.headers
    with browser(closed) as client:
        assert log_in(client).status_code == 303
    written = "".join(closed.running.stderr)
    assert "a login from 192.0.2.99 failed" in written
    assert "guessed-password" not in written
    assert PASSWORD not in written


def test_who_guesses_passwords_cannot_say_to_be_somebody_else_each_time(tmp_path: Path) -> None:
    options = {"WARREN_DASHBOARD_PASSWORD": PASSWORD, "FORWARDED_ALLOW_IPS": ""}
    with (
        dashboard_running(tmp_path, broker=NO_BROKER, target=None, **options) as dashboard,
        browser(dashboard) as client,
    ):
        client.headers["x-forwarded-proto"] = "https"
        assert "Secure" in log_in(client).headers["set-cookie"]
        answers: list[int] = []
        while 429 not in answers and len(answers) < 8:  # the pauses double, should this machine be slower than one
            client.headers["x-forwarded-for"] = f"192.0.2.{len(answers)}"
            answers.append(log_in(client, password="guessed-password").status_code)
    assert answers[:3] == [401] * 3
    assert answers[-1] == 429


@pytest.mark.parametrize(
    "path", ["/login", "/logout", "/healthz", "/static/style.css", "/static/none.css", "/", "/audit"]
)
def test_a_socket_to_anything_else_is_refused_without_a_fault(closed: DashboardUnderTest, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused, socket_of(closed, "0", path=path):
        pass
    assert refused.value.response.status_code == 403
    assert "Traceback" not in "".join(closed.running.stderr)


@pytest.mark.parametrize("query", ["client_id=", "client_id={0}&client_id=b", "sid=a"])
def test_a_socket_that_is_for_no_page_or_several_is_refused(open_one: DashboardUnderTest, query: str) -> None:
    with browser(open_one) as client:
        page = page_id(client.get("").text)
    with pytest.raises(InvalidStatus), socket_of(open_one, page, query=query.format(page)):
        pass


def test_a_page_has_its_socket_and_no_requests_that_wait(open_one: DashboardUnderTest) -> None:
    with browser(open_one) as client:
        page = client.get("").text
        assert client.get(f"{POLL}&client_id={page_id(page)}").status_code == 400
        assert client.post(f"{POLL}&client_id={page_id(page)}", content=b"40").status_code == 400
    assert re.search(r"""transports: \[['"]websocket['"]\]""", page)


def test_a_login_that_is_none_is_refused_before_it_is_read(closed: DashboardUnderTest) -> None:
    with browser(closed) as client:
        assert client.post("login", content=b"user=" + b"a" * 100_000).status_code == 413
        assert client.post("login", content=b"\xff\xfe").status_code == 413
        assert client.post("login", data={"user": '"><script>alert(1)</script>'}).text.count("<script>") == 0


# -- starting and ending --------------------------------------------------------------------------------------


def test_off_loopback_it_does_not_start_without_a_password(tmp_path: Path) -> None:
    done = cli("dashboard", "--host", "0.0.0.0", "--port", "0", cwd=tmp_path, broker=NO_BROKER)
    assert done.returncode == 2
    assert done.stderr.startswith("error: everybody who reaches 0.0.0.0 could look: set a password")
    assert done.stderr.count("\n") == 1


def test_it_says_at_the_start_that_changes_without_a_login_are_everybodys(
    tmp_path: Path, open_one: DashboardUnderTest
) -> None:
    with dashboard_running(tmp_path, "--allow-changes", broker=NO_BROKER, target=None) as dashboard:
        dashboard.running.wait(
            lambda: any("every user of this machine may change messages" in line for line in dashboard.running.stderr),
            "it says so",
        )
    assert not any("may change messages" in line for line in open_one.running.stderr)


def test_off_loopback_it_starts_with_a_password_and_warns_of_plain_http(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\nanything else\n")
    secret.chmod(stat.S_IRUSR)
    options = (
        "--host",
        "0.0.0.0",
        "--password-file",
        str(secret),
        "--user",
        "warren",
        "--allowed-host",
        "warren.example",
    )
    with dashboard_running(tmp_path, *options, broker=NO_BROKER, target=None) as dashboard:
        assert "in clear" in "".join(dashboard.running.stderr)
        with browser(dashboard, host="warren.example") as client:
            assert log_in(client).status_code == 303
        with browser(dashboard, host="evil.example") as client:
            assert client.get("login").status_code == 403


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--password-file", "empty"), "the first line of empty is empty"),
        (("--password-file", "missing"), "'missing' does not exist"),
        (("--tls-cert", "empty"), "--tls-cert and --tls-key belong together"),
        (("--tls-cert", "empty", "--tls-key", "empty"), "the certificate or its key cannot be used"),
        (("--interval", "0"), "the interval of a dashboard must be at least 0.1 s"),
        (("--session", "0"), "a session must be longer than 0 s"),
        (("--host", "no.such.host.invalid", "--password-file", "password"), "cannot serve the dashboard on"),
        (("--prefix", "/a b"), "--prefix"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_it_cannot_start_with_is_one_line(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "password").write_text("secret")
    done = cli("dashboard", "--port", "0", *options, cwd=tmp_path, broker=NO_BROKER)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = cli("dashboard", "--port", str(taken.getsockname()[1]), cwd=tmp_path, broker=NO_BROKER)
    assert done.returncode == 2
    assert "choose another --port or --host" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_nicegui_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "nicegui.py").write_text("raise ModuleNotFoundError('not here', name='nicegui')")
    done = cli("dashboard", "--port", "0", cwd=tmp_path, broker=NO_BROKER, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr == "error: the dashboard needs NiceGUI: pip install 'warren-mq[dashboard]'\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_though_pages_are_open_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    with dashboard_running(tmp_path, broker=NO_BROKER, target=None) as dashboard, browser(dashboard) as client:
        with socket_of(dashboard, page_id(client.get("").text)) as opened:
            greet(opened)
            dashboard.running.signal(number)
            assert dashboard.running.finish() == 0
        assert "Traceback" not in "".join(dashboard.running.stderr)
    assert list(tmp_path.iterdir()) == []


def test_it_speaks_https_with_a_certificate(tmp_path: Path) -> None:
    made, port = make_certificates(tmp_path), str(free_port())
    options = ("--port", port, "--tls-cert", str(made.certificate("server")), "--tls-key", str(made.key("server")))
    trusted = ssl.create_default_context(cafile=str(made.authority))
    password = {"WARREN_DASHBOARD_PASSWORD": PASSWORD}
    with running_cli("dashboard", *options, cwd=tmp_path, broker=NO_BROKER, env=password) as running:
        running.wait(
            lambda: any("dashboard at https://" in line for line in running.stderr), "it listens", timeout=60.0
        )
        with httpx.Client(
            base_url=f"https://localhost:{port}/", verify=trusted, trust_env=False, timeout=20.0
        ) as client:
            assert client.get("healthz").text == "ok\n"
            assert "Secure" in log_in(client).headers["set-cookie"]


def test_below_a_prefix_everything_is_below_it(tmp_path: Path) -> None:
    port, password = str(free_port()), {"WARREN_DASHBOARD_PASSWORD": PASSWORD}
    options = ("--port", port, "--prefix", "/ops/warren")
    with running_cli("dashboard", *options, cwd=tmp_path, broker=NO_BROKER, env=password) as running:
        base = f"http://127.0.0.1:{port}/ops/warren"
        running.wait(lambda: f"dashboard at {base}/\n" in running.stderr, "it listens", timeout=60.0)
        with browser(DashboardUnderTest(running, base)) as client:
            assert client.get("healthz").text == "ok\n"
            assert client.get("types").headers["location"] == "/ops/warren/login?next=%2Ftypes"
            assert 'action="/ops/warren/login"' in client.get("login").text
            done = log_in(client, wanted="/types")
            assert done.headers["location"] == "/ops/warren/types"
            assert "Path=/ops/warren;" in done.headers["set-cookie"]
            assert "/ops/warren/static/style.css" in client.get("types").text
            assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=20.0).status_code == 404
            client.headers["x-forwarded-prefix"] = "/outer"  # and a proxy's on top
            assert log_in(client).headers["location"] == "/outer/ops/warren/"


# -- in a service of one's own ------------------------------------------------------------------------------------

SERVICE = """
import sys
from contextlib import asynccontextmanager
from pathlib import Path
import uvicorn
from fastapi import FastAPI
from warren import ConfigurationError, Warren
from warren.dashboard import Dashboard, DashboardSettings, Visitor

@asynccontextmanager
async def lifespan(api):
    Path("began").touch()
    yield {"answer": 42}
    Path("ended").touch()

api = FastAPI(lifespan=lifespan)
users = {"ada": True, "ben": False}

@api.get("/own")
def own() -> str:
    return "of the service"

async def who(connection):
    name = connection.headers.get("x-user", "")
    if name == "crash":
        raise RuntimeError("no users today")
    if (Path("gone") / name).exists():
        return None
    return Visitor(name, may_change=users[name]) if name in users else None

app = Warren("billing", broker="amqp://guest:topsecret@127.0.0.1:1/%2F")
settings = DashboardSettings(allow_changes=True, audit_log="changes.ndjson")
Dashboard(app, settings=settings, authorize=who).mount(api, "/warren")
try:
    Dashboard(app).mount(api, "/another")
except ConfigurationError as error:
    print(error, flush=True)
uvicorn.run(api, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=1)
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardUnderTest]:
    """A FastAPI application with a dashboard below /warren, and users of its own."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "service.py").write_text(SERVICE)
    with service_running(folder) as running:
        yield running


@contextmanager
def service_running(folder: Path) -> Iterator[DashboardUnderTest]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "service.py", str(port)],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = RunningCli(process)
    base = f"http://127.0.0.1:{port}/warren"
    try:
        running.wait(lambda: answers(running, base), "the service answers")
        yield DashboardUnderTest(running, base)
    finally:
        process.kill()
        process.wait()


def answers(running: RunningCli, base: str) -> bool:
    assert running.process.poll() is None, "".join(running.stderr)
    try:
        return httpx.get(f"{base}/healthz", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_in_a_service_it_stands_beside_the_other_routes_and_begins_and_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(SERVICE)
    with service_running(tmp_path) as service:
        root = service.base.removesuffix("/warren")
        own = httpx.get(f"{root}/own", trust_env=False, timeout=20.0)
        assert own.json() == "of the service"
        assert "content-security-policy" not in own.headers  # the service's own matter
        assert httpx.get(f"{root}/docs", trust_env=False, timeout=20.0).status_code == 200
        assert httpx.get(f"{root}/nowhere", trust_env=False, timeout=20.0).status_code == 404
        with browser(service, x_user="ada") as client:
            page = client.get("").text
            assert "/warren/dead-letters" in page
            with socket_of_service(service, page_id(page), "ada") as opened:
                greet(opened)
                assert (tmp_path / "began").exists()
                service.running.signal(signal.SIGTERM)
                service.running.wait(lambda: service.running.process.poll() is not None, "the service ends")
    assert (tmp_path / "ended").exists()
    assert "a process has one dashboard, and no other pages of NiceGUI\n" in service.running.stdout


def socket_of_service(service: DashboardUnderTest, page: str, user: str) -> AbstractContextManager[ClientConnection]:
    return socket_of(service, page, **{"origin": service.base.removesuffix("/warren"), "x-user": user})


@pytest.mark.parametrize("user", ["", "eve", "crash"])
def test_in_a_service_the_services_own_users_are_let_in_and_nobody_else(service: DashboardUnderTest, user: str) -> None:
    with browser(service, x_user=user) as client:
        for path in PAGES:
            assert client.get(path).status_code == 403
        assert client.get("login").status_code == 403
        assert client.post("login", data={"user": "warren", "password": ""}).status_code == 403
        assert "log in to the service that it is part of" in client.get("").text
    with pytest.raises(InvalidStatus), socket_of_service(service, "0", user):
        pass


@pytest.mark.parametrize(("user", "is_read_only"), [("ada", False), ("ben", True)])
def test_in_a_service_some_users_may_change_what_others_only_look_at(
    service: DashboardUnderTest, user: str, is_read_only: bool
) -> None:
    with browser(service, x_user=user) as client:
        assert ("Read-only" in client.get("").text) is is_read_only
        trail = client.get("audit").text
        assert ("you may only look" in trail) is is_read_only
        assert "allow-changes" not in trail  # it is given


def test_a_page_that_was_shown_to_somebody_else_is_not_acted_for(service: DashboardUnderTest) -> None:
    with browser(service, x_user="ada") as client:
        page = page_id(client.get("").text)
    with browser(service, x_user="ben") as other:
        assert other.get("visit", params={"client_id": page}).status_code == 409
    with pytest.raises(InvalidStatus), socket_of_service(service, page, "ben"):
        pass
    with socket_of_service(service, page, "ada") as opened:
        greet(opened)
