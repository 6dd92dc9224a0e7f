"""A TCP proxy that slows and cuts what goes through it: a bad network between the platform and a database."""

import socket
import threading
import time

# Bytes passed on at once.
CHUNK = 16_384


class Proxy:
    """Listens on a free port of the loopback, or of another address, and passes everything to `host:port`."""

    def __init__(self, host, port, bytes_per_second=None, address="127.0.0.1"):
        self.target, self.bytes_per_second = (host, port), bytes_per_second
        self.lock, self.left, self.times, self.passed = threading.Lock(), None, None, 0
        self.listener = socket.create_server((address, 0))
        self.address, self.port = self.listener.getsockname()[:2]
        self.open = []
        # While set, what is open stays open and nothing passes: a server that has lost its power.
        self.silent = False

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        # Closed alone it would accept once more: the thread that waits in `accept` holds it open.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.hang_up()

    def refuse(self):
        """Hangs up and listens no more, as a server that was stopped, until `listen`."""
        self.__exit__()

    def listen(self):
        """Listens again, at the same port."""
        self.listener = socket.create_server((self.address, self.port))
        self.__enter__()

    def cut_after(self, count, times=None):
        """Cuts every connection once so many bytes have come back from the server: `times` times, or always; None: never."""
        with self.lock:
            self.limit, self.left, self.times = count, count, times

    def accept(self):
        listener = self.listener
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(self.target)
            except OSError:
                return
            with self.lock:
                self.open += [client, server]
            threading.Thread(target=self.pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, True), daemon=True).start()

    def pump(self, source, target, counted):
        try:
            while data := source.recv(CHUNK):
                while self.silent:
                    time.sleep(0.05)
                if counted and not self.allowed(len(data)):
                    return self.hang_up()
                target.sendall(data)
                if counted and self.bytes_per_second:
                    time.sleep(len(data) / self.bytes_per_second)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            # One side broke: the other must hear of it.
            hang_up(source, target)

    def allowed(self, count):
        """Counts bytes on their way back; false once the connection is to be cut."""
        with self.lock:
            self.passed += count
            if self.left is None:
                return True
            self.left -= count
            if self.left > 0:
                return True
            self.left = self.limit
            if self.times is not None:
                self.times -= 1
                if self.times <= 0:
                    self.left = None
            return False

    def hang_up(self):
        with self.lock:
            ended, self.open = self.open, []
        hang_up(*ended)


def hang_up(*sockets):
    for one in sockets:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        one.close()
