"""Drives the whole client of the package `marathon` against one Marathon, and asserts what comes
back: python_client.py URL VERSION."""

import collections
import collections.abc
import http.server
import json
import sys
import threading
import time

# The client asks for it by a name that Python no longer has.
collections.Iterable = collections.abc.Iterable

from marathon import MarathonClient, MarathonHttpError, NotFoundError
from marathon.exceptions import ConflictError
from marathon.models import MarathonApp, MarathonConstraint, MarathonGroup, MarathonHealthCheck
from marathon.models.container import MarathonContainer, MarathonDockerContainer
from marathon.models.events import MarathonStatusUpdateEvent

URL, VERSION = sys.argv[1:3]
client = MarathonClient(URL)


def has(since, until="99"):
    """Whether the version lies between two, the second not included."""
    numbers = lambda text: [int(part) for part in text.split(".")]
    return numbers(since) <= numbers(VERSION) < numbers(until)


def wait(what, condition, seconds=30):
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline, "in vain waited for " + what
        time.sleep(0.02)


def settle():
    wait("all deployments to end", lambda: client.list_deployments() == [])


def refused(kind, call, *arguments, **options):
    try:
        answer = call(*arguments, **options)
    except kind as error:
        return error
    raise AssertionError(f"{call} was not refused: {answer}")


def server():
    info = client.get_info()
    assert info.name == "marathon", info
    assert info.version.startswith(VERSION), info.version
    assert info.framework_id
    assert info.marathon_config.local_port_min == 10000
    assert client.ping().strip(b'"') == b"pong"
    assert client.get_metrics()["gauges"]
    assert client.get_leader()["leader"] == info.leader
    assert client.list_apps() == [] and client.list_tasks() == []
    assert client.list_deployments() == [] and client.list_queue() == []


def web(**more):
    options = dict(
        cmd="serve",
        cpus=0.1,
        mem=32,
        instances=2,
        labels={"tier": "front"},
        constraints=[MarathonConstraint("hostname", "UNIQUE")],
        health_checks=[MarathonHealthCheck(protocol="TCP", port_index=0, interval_seconds=1)],
    )
    return MarathonApp(**dict(options, **more))


def apps():
    made = client.create_app("/shop/web", web())
    assert made.id == "/shop/web" and made.instances == 2, made
    refused(ConflictError, client.create_app, "/shop/web", web())
    refused(NotFoundError, client.get_app, "/nothing")
    settle()
    app = client.get_app("/shop/web", embed_counts=True)
    assert (app.cmd, app.instances, app.cpus) == ("serve", 2, 0.1), app
    assert app.tasks_running == 2 and app.tasks_healthy == 2, app
    assert len(app.tasks) == 2 and len({task.host for task in app.tasks}) == 2
    assert all(task.started_at and task.ports for task in app.tasks)
    assert app.health_checks[0].protocol == "TCP"

    image = MarathonContainer(docker=MarathonDockerContainer(
        image="db:1", network="BRIDGE",
        port_mappings=[{"containerPort": 5432, "hostPort": 0, "protocol": "tcp"}]))
    client.create_app("/shop/db", MarathonApp(container=image, cpus=0.1, mem=16, instances=1))
    settle()
    db = client.get_app("/shop/db")
    assert db.container.docker.image == "db:1"
    assert len(db.tasks[0].ports) == 1

    names = lambda **options: sorted(app.id for app in client.list_apps(**options))
    assert names() == ["/shop/db", "/shop/web"]
    assert names(app_id="DB") == ["/shop/db"] or has("0.7", "0.8")
    assert names(cmd="serv") == ["/shop/web"]
    assert names(label="tier==front") == ["/shop/web"]
    assert names(instances=1) == ["/shop/db"]
    several = has("0.11")
    embedded = client.list_apps(embed_tasks=True, embed_counts=several, embed_deployments=several,
                                embed_last_task_failure=several, embed_readiness=several)
    assert sorted(len(app.tasks) for app in embedded) == [1, 2], embedded
    if has("0.11", "1.9.100"):
        # The client does not know the key of later versions.
        stats = client.get_app("/shop/web", embed_task_stats=True)
        assert client.list_apps(embed_task_stats=True, app_id="web")[0].task_stats is not None
        assert stats.id == "/shop/web"

    before = client.list_versions("/shop/web")
    assert len(before) == 1
    answer = client.update_app("/shop/web", MarathonApp(env={"A": "1"}))
    assert answer["deploymentId"] and answer["version"]
    refused(ConflictError, client.update_app, "/shop/web", MarathonApp(env={"A": "2"}))
    settle()
    assert client.get_app("/shop/web").env == {"A": "1"}
    versions = client.list_versions("/shop/web")
    assert sorted(versions)[0] == before[0] and len(versions) == 2, versions
    assert client.get_version("/shop/web", before[0]).env == {}
    client.rollback_app("/shop/web", before[0])
    settle()
    assert client.get_app("/shop/web").env == {}
    refused(MarathonHttpError, client.rollback_app, "/shop/web", "2001-01-01T00:00:00.000Z")

    client.scale_app("/shop/web", instances=3)
    settle()
    client.scale_app("/shop/web", delta=-1)
    settle()
    assert client.get_app("/shop/web").tasks_running == 2
    assert client.scale_app("/nothing", instances=3) is None

    answer = client.update_apps([
        MarathonApp(id="/shop/web", mem=48), MarathonApp(id="/shop/db", mem=24)])
    assert answer["deploymentId"]
    settle()
    assert [client.get_app(id).mem for id in ("/shop/web", "/shop/db")] == [48, 24]

    tasks = {task.id for task in client.list_tasks("/shop/web")}
    assert client.restart_app("/shop/web")["deploymentId"]
    settle()
    # Up to 0.11 it is over when the new ones are there.
    wait("the old tasks to go",
         lambda: tasks.isdisjoint(task.id for task in client.list_tasks("/shop/web")))
    refused(NotFoundError, client.restart_app, "/nothing")


def tasks():
    all_of_them = client.list_tasks()
    assert sorted(task.app_id for task in all_of_them) == ["/shop/db", "/shop/web", "/shop/web"]
    endpoints = client.list_endpoints()
    assert {endpoint.app_id for endpoint in endpoints} == {"/shop/db", "/shop/web"}
    assert all(endpoint.task_port in task.ports for endpoint in endpoints
               for task in all_of_them if task.id == endpoint.task_id)
    some = client.list_tasks("/shop/web", host=all_of_them[0].host)
    assert all(task.host == all_of_them[0].host for task in some)

    ids = lambda app: {task.id for task in client.list_tasks(app)}
    back = lambda app, old, count: (
        lambda: len(ids(app)) == count and old.isdisjoint(ids(app)))

    # Some versions tell what is killed in a shape that the client does not know.
    victim = sorted(ids("/shop/web"))[0]
    try:
        killed = client.kill_task("/shop/web", victim)
        assert killed.id == victim, killed
    except TypeError:
        pass
    wait("its replacement", back("/shop/web", {victim}, 2))
    refused(NotFoundError, client.kill_task, "/shop/web", "shop_web.nobody")

    old = ids("/shop/web")
    try:
        assert {task.id for task in client.kill_tasks("/shop/web")} == old
    except TypeError:
        pass
    wait("their replacements", back("/shop/web", old, 2))

    old = ids("/shop/web")
    assert client.kill_given_tasks(sorted(old))
    wait("their replacements", back("/shop/web", old, 2))
    victim = sorted(ids("/shop/web"))[0]
    assert client.kill_given_tasks([victim], scale=True)
    settle()
    wait("one to be left", lambda: len(ids("/shop/web")) == 1)
    assert victim not in ids("/shop/web")
    assert client.get_app("/shop/web").instances == 1


def deployments():
    client.create_app("/huge", MarathonApp(cmd="x", cpus=1000, mem=16, instances=1))
    deployment, = client.list_deployments()
    assert deployment.affected_apps == ["/huge"], deployment
    assert deployment.total_steps == len(deployment.steps)
    if has("1.9"):
        # The client does not know that there are roles since.
        refused(TypeError, client.list_queue)
    else:
        item, = client.list_queue()
        assert item.app.id == "/huge" and item.count == 1
    if has("1.4", "1.9"):
        item, = client.list_queue(embed_last_unused_offers=True)
        assert item.last_unused_offers and item.processed_offers_summary
        assert item.delay.overdue is True
    if has("0.10"):
        client.reset_delay("/huge")
        refused(NotFoundError, client.reset_delay, "/shop/web")
    assert client.delete_deployment(deployment.id)["deploymentId"]
    settle()
    refused(NotFoundError, client.get_app, "/huge")
    refused(NotFoundError, client.delete_deployment, deployment.id)

    client.create_app("/huge", MarathonApp(cmd="x", cpus=1000, mem=16, instances=1))
    deployment, = client.list_deployments()
    assert client.delete_deployment(deployment.id, force=True) == {}
    settle()
    client.delete_app("/huge")
    settle()
    refused(NotFoundError, client.delete_app, "/huge")


def group_of(id):
    if not has("1.9"):
        return client.get_group(id)
    # The client does not know that groups have had something to say of roles since.
    refused(TypeError, client.get_group, id)
    told = client._do_request("GET", "/v2/groups" + id).json()
    assert told.pop("enforceRole") is False
    return MarathonGroup.from_json(told)


def groups():
    small = lambda id: MarathonApp(id=id, cmd="x", cpus=0.1, mem=16, instances=1)
    group = MarathonGroup(id="/mall", apps=[small("/mall/a")], groups=[
        MarathonGroup(id="/mall/deep", apps=[small("/mall/deep/b")])])
    first = client.create_group(group)
    refused(ConflictError, client.create_group, group)
    settle()
    if not has("1.9"):
        assert sorted(group.id for group in client.list_groups()) == ["/mall", "/shop"]
    found = group_of("/mall")
    assert [app.id for app in found.apps] == ["/mall/a"]
    assert [app.id for app in found.groups[0].apps] == ["/mall/deep/b"]
    refused(NotFoundError, client.get_group, "/nothing")

    client.scale_group("/mall", 2)
    settle()
    assert client.get_app("/mall/deep/b").instances == 2
    more = MarathonGroup(id="/mall", apps=[small("/mall/a"), small("/mall/c")])
    client.update_group("/mall", more)
    settle()
    assert sorted(app.id for app in group_of("/mall").apps) == ["/mall/a", "/mall/c"]
    # What the client does here has never been an endpoint of Marathon; this is the one there is.
    refused(MarathonHttpError, client.rollback_group, "mall", first["version"])
    body = json.dumps({"version": first["version"]})
    client._do_request("PUT", "/v2/groups/mall", data=body)
    settle()
    assert [app.id for app in group_of("/mall").apps] == ["/mall/a"]
    assert client.get_app("/mall/deep/b").instances == 1
    client.delete_group("/mall")
    settle()
    refused(NotFoundError, client.get_group, "/mall")


class Inbox(http.server.BaseHTTPRequestHandler):
    events = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Inbox.events.append(json.loads(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def subscriptions():
    if not has("0.5", "1.5"):
        refused(MarathonHttpError if not has("1.6.486") else Exception,
                client.list_event_subscriptions)
        return
    inbox = http.server.HTTPServer(("127.0.0.1", 0), Inbox)
    threading.Thread(target=inbox.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{inbox.server_port}/events"
    answer = client.create_event_subscription(url)
    assert answer["eventType"] == "subscribe_event" and answer["callbackUrl"] == url, answer
    assert client.list_event_subscriptions() == [url]
    client.scale_app("/shop/web", instances=2)
    settle()
    running = lambda: any(event.get("taskStatus") == "TASK_RUNNING" for event in Inbox.events)
    wait("to be called back", running)
    answer = client.delete_event_subscription(url)
    assert answer["eventType"] == "unsubscribe_event", answer
    assert client.list_event_subscriptions() == []
    inbox.shutdown()


def events():
    if not has("0.9"):
        return
    seen, attached = [], threading.Event()
    expected = {"api_post_event", "group_change_success", "status_update_event",
                "health_status_changed_event", "app_terminated_event"}
    plans = {"deployment_info", "deployment_step_success", "deployment_success"}
    # The client wants plans to say what was before; those of 1.8 and later do not.
    if has("1.8"):
        readable = [*expected, "event_stream_attached", "instance_changed_event"]
    else:
        expected, readable = expected | plans, None

    def listen():
        for event in MarathonClient(URL).event_stream(event_types=readable):
            seen.append(event)
            attached.set()

    def listen_to_some():
        # Old versions do not know the filter, and send everything.
        for event in MarathonClient(URL).event_stream(event_types=[MarathonStatusUpdateEvent]):
            some.append(event)

    some = []
    threading.Thread(target=listen, daemon=True).start()
    assert attached.wait(10), "the stream says nothing"
    threading.Thread(target=listen_to_some, daemon=True).start()
    wait("the other to be attached", lambda: len(seen) >= 2)
    assert seen[0].event_type == "event_stream_attached", seen[0].event_type
    client.create_app("/brief", web(constraints=[]))
    settle()
    client.delete_app("/brief")
    settle()
    kinds = lambda: {event.event_type for event in seen}
    wait("all kinds of events", lambda: expected <= kinds())
    if has("1.4"):
        wait("instances to be told of", lambda: "instance_changed_event" in kinds())
    running = [event for event in seen if getattr(event, "task_status", "") == "TASK_RUNNING"]
    assert {event.app_id for event in running} == {"/brief"}
    wait("the filtered events", lambda: some)
    if has("1.3.7"):
        assert {event.event_type for event in some} == {"status_update_event"}


def leader():
    assert client.delete_leader()["message"].startswith("Leadership abdic")
    assert client.get_leader()["leader"]


def end():
    for app in client.list_apps():
        client.delete_app(app.id, force=True)
    settle()
    assert client.list_apps() == [] and client.list_tasks() == []


for part in (server, apps, tasks, deployments, groups, subscriptions, events, leader, end):
    print(VERSION, part.__name__, flush=True)
    part()
