"""Clients that open connections and never say what they want: others are served, and who says nothing is hung up on."""

import pathlib
import socket
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import Scene, Server
from trouble import Home, http

# Connections that are held, fewer than a server takes where the system allows 1,024 open files.
HELD = 400
# Time after which a connection without a whole request is closed, and how late that may be noticed, in seconds.
PATIENCE_SECONDS, SLACK_SECONDS = 10, 10


def main():
    with Scene("faults_connections") as scene:
        home = Home(scene)
        token = home.token("admin")
        with Server(home.path) as server:
            slow(scene, server, token)
            used_and_idle(scene, server)
            endless_head(scene, server)
            scene.check("the server ends in order", server.end() == 0)
        with Server(home.path) as server:
            held = [connect(server) for _ in range(50)]
            began = time.monotonic()
            scene.check("silent connections do not keep a server from ending", server.end() == 0 and time.monotonic() - began < 20)
            for one in held:
                one.close()


def connect(server):
    address = urllib.parse.urlsplit(server.url)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def closed(one):
    """Whether the other side has hung up; waits a moment for it."""
    one.settimeout(0.2)
    try:
        while True:
            if not one.recv(4096):
                return True
    except TimeoutError:
        return False
    except OSError:
        return True


def slow(scene, server, token):
    """A byte now and then, and no end: the head of the request never comes."""
    began = time.monotonic()
    held = [connect(server) for _ in range(HELD)]
    over = threading.Event()

    def dribble():
        text = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-A: " + b"a" * 10_000
        for position in range(len(text)):
            for one in held:
                try:
                    one.send(text[position:position + 1])
                except OSError:
                    pass
            if over.wait(0.5):
                return

    thread = threading.Thread(target=dribble, daemon=True)
    thread.start()
    for _ in range(5):
        status, text = http(server.url + "/api/v1/sql", token, "POST", {"sql": "SELECT 1 AS one"}, timeout=10)
        scene.check(f"{HELD} slow clients keep nobody out", status == 200, f"{status} {text}")
        time.sleep(0.5)
    time.sleep(max(0, began + PATIENCE_SECONDS + SLACK_SECONDS - time.monotonic()))
    over.set()
    thread.join()
    left = sum(not closed(one) for one in held)
    scene.check("and are hung up on", left == 0, f"{left} of {HELD} are still there")


def used_and_idle(scene, server):
    """A connection that was used may rest between requests."""
    one = connect(server)
    for _ in range(2):
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        scene.check("a request on a connection that is kept", b"200 OK" in one.recv(4096))
        time.sleep(PATIENCE_SECONDS + 2)
    one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    scene.check("and another after a rest", b"200 OK" in one.recv(4096))
    one.close()


def endless_head(scene, server):
    """Headers without end are refused in bounded memory."""
    one = connect(server)
    sent = 0
    try:
        one.sendall(b"GET /healthz HTTP/1.1\r\n")
        while sent < 64 << 20:
            one.sendall(b"X-A: " + b"a" * 60_000 + b"\r\n")
            sent += 60_000
        answer = one.recv(4096)
    except OSError:
        answer = b""
    scene.check("headers without end are refused", sent < 64 << 20 and (not answer or b" 431 " in answer or b" 400 " in answer), f"{sent} bytes {answer[:200]}")
    status, _ = http(server.url + "/healthz")
    scene.check("and the server answers on", status == 200, status)
    one.close()


if __name__ == "__main__":
    main()
