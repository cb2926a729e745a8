"""
For tests only: Qdrant's own engine (PyPI `qdrant-edge-py`) behind the part of Qdrant's REST API that
Weir's driver uses. Filters, scores, orders and ids are the engine's; names, aliases and the texts of
errors are copied from a Qdrant 1.18.3 (see transcripts.json, which a test replays).

    python3 shim.py --folder DIR [--port N] [--api-key KEY] [--tls-cert FILE --tls-key FILE]

Prints `{"port": N}` when it accepts requests; ends when its standard input closes. Points survive kill -9.
"""

import argparse
import json
import os
import re
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from collection import Collection
from wire import Refusal, malformed

VERSION = "1.18.3"


class Store:
    """The collections of one folder, and the aliases."""

    def __init__(self, folder):
        self.folder = folder
        self.changing = threading.Lock()
        self.aliases_file = os.path.join(folder, "aliases.json")
        os.makedirs(folder, exist_ok=True)
        self.aliases = {}
        if os.path.exists(self.aliases_file):
            with open(self.aliases_file, encoding="utf-8") as file:
                self.aliases = json.load(file)
        self.collections = {}
        for entry in sorted(os.listdir(folder)):
            if os.path.exists(os.path.join(folder, entry, "settings.json")):
                collection = Collection(os.path.join(folder, entry))
                self.collections[collection.name] = collection

    def named(self, name):
        collection = self.collections.get(self.aliases.get(name, name))
        if collection is None:
            raise Refusal(404, f"Not found: Collection `{name}` doesn't exist!")
        return collection

    def create(self, name, body):
        with self.changing:
            if name in self.collections:
                raise Refusal(409, f"Wrong input: Collection `{name}` already exists!")
            if name in self.aliases:
                raise Refusal(
                    400,
                    f"Wrong input: Can't create collection with name {name}. "
                    "Alias with the same name already exists",
                )
            folder = os.path.join(self.folder, "c-" + name.encode().hex())
            self.collections[name] = Collection.create(folder, name, body)
        return True

    def drop(self, name):
        with self.changing:
            collection = self.collections.pop(name, None)
            if collection is None:
                return False
            collection.drop()
            self._keep({a: c for a, c in self.aliases.items() if c != name})
        return True

    def change_aliases(self, body):
        with self.changing:
            changed = dict(self.aliases)
            for action in body["actions"]:
                if "delete_alias" in action:
                    changed.pop(action["delete_alias"]["alias_name"], None)
                if "create_alias" in action:
                    alias = action["create_alias"]["alias_name"]
                    target = action["create_alias"]["collection_name"]
                    if target not in self.collections:
                        raise Refusal(404, f"Not found: Collection `{target}` doesn't exist!")
                    if alias in self.collections:
                        raise Refusal(409, f"Wrong input: Collection `{alias}` already exists!")
                    changed[alias] = target
            self._keep(changed)
        return True

    def _keep(self, aliases):
        with open(self.aliases_file + ".new", "w", encoding="utf-8") as file:
            json.dump(aliases, file)
        os.replace(self.aliases_file + ".new", self.aliases_file)
        self.aliases = aliases

    def list_aliases(self):
        return {
            "aliases": [
                {"alias_name": alias, "collection_name": name}
                for alias, name in sorted(self.aliases.items())
            ]
        }


# method, path, handler: (store, call) -> result
ROUTES = [
    ("GET", r"/collections", lambda s, c: {"collections": [{"name": n} for n in s.collections]}),
    ("GET", r"/aliases", lambda s, c: s.list_aliases()),
    ("POST", r"/collections/aliases", lambda s, c: s.change_aliases(c.body())),
    ("GET", r"/collections/([^/]+)/exists", lambda s, c: {"exists": c.name in s.collections}),
    ("GET", r"/collections/([^/]+)", lambda s, c: s.named(c.name).info()),
    ("PUT", r"/collections/([^/]+)", lambda s, c: s.create(c.name, c.body())),
    ("DELETE", r"/collections/([^/]+)", lambda s, c: s.drop(c.name)),
    ("PUT", r"/collections/([^/]+)/index", lambda s, c: s.named(c.name).create_index(c.body(), c.wait)),
    ("PUT", r"/collections/([^/]+)/points", lambda s, c: s.named(c.name).upsert(c.body(), c.wait)),
    ("POST", r"/collections/([^/]+)/points", lambda s, c: s.named(c.name).retrieve(c.body())),
    ("POST", r"/collections/([^/]+)/points/query", lambda s, c: s.named(c.name).query(c.body())),
    ("POST", r"/collections/([^/]+)/points/query/batch",
     lambda s, c: [s.named(c.name).query(one) for one in c.body()["searches"]]),
    ("POST", r"/collections/([^/]+)/points/scroll", lambda s, c: s.named(c.name).scroll(c.body())),
    ("POST", r"/collections/([^/]+)/points/count", lambda s, c: s.named(c.name).count(c.body())),
    ("POST", r"/collections/([^/]+)/points/payload",
     lambda s, c: s.named(c.name).set_payload(c.body(), c.wait, overwrite=False)),
    ("PUT", r"/collections/([^/]+)/points/payload",
     lambda s, c: s.named(c.name).set_payload(c.body(), c.wait, overwrite=True)),
    ("POST", r"/collections/([^/]+)/points/delete", lambda s, c: s.named(c.name).delete(c.body(), c.wait)),
    ("GET", r"/collections/([^/]+)/points/([^/]+)", lambda s, c: s.named(c.name).point(c.rest)),
    ("POST", r"/collections/([^/]+)/facet", lambda s, c: s.named(c.name).facet(c.body())),
    ("POST", r"/collections/([^/]+)/snapshots", lambda s, c: s.named(c.name).snapshot()),
    ("GET", r"/collections/([^/]+)/snapshots", lambda s, c: s.named(c.name).snapshots),
]
COMPILED = [(method, re.compile(path), answer) for method, path, answer in ROUTES]


class Call:
    def __init__(self, query, data):
        self.name = self.rest = None
        self.wait = query.get("wait") == ["true"]
        self.data = data

    def body(self):
        if not self.data:
            raise malformed("EOF while parsing a value at line 1 column 0")
        try:
            body = json.loads(self.data, parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))
        except ValueError as error:
            raise malformed(str(error)) from None
        if not isinstance(body, dict):
            raise malformed("invalid type, expected a map at line 1 column 0")
        return body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # one TCP segment per answer: otherwise head and body wait for each other's acknowledgement
    wbufsize = -1
    store = None
    api_key = None

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def answer(self, status, content_type, data):
        self.send_response(status)
        if content_type is not None:
            self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def answer_json(self, status, body):
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        self.answer(status, "application/json", text.encode("utf-8", "surrogatepass"))

    def handle_any(self):
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        url = urlsplit(self.path)
        path = url.path
        if self.api_key is not None and path not in ("/", "/readyz", "/healthz", "/livez"):
            given = self.headers.get("api-key")
            if given is None:
                text = b"Must provide an API key or an Authorization bearer token"
                return self.answer(401, "text/plain", text)
            if given != self.api_key:
                return self.answer(401, "text/plain", b"Invalid API key or JWT")
        if path == "/" and self.command == "GET":
            return self.answer_json(200, {
                "title": "qdrant - vector search engine",
                "version": VERSION,
                "commit": f"v{VERSION}-localbuild",
            })
        if path == "/readyz" and self.command == "GET":
            return self.answer(200, "text/plain; charset=utf-8", b"all shards are ready")
        call = Call(parse_qs(url.query), data)
        # on an unknown method of a known path the server parses the body first, e.g. PUT /collections/aliases
        for method, pattern, answer in COMPILED:
            found = pattern.fullmatch(path) if method == self.command else None
            if found is None:
                continue
            names = [unquote(name) for name in found.groups()]
            call.name, call.rest = (names + [None, None])[:2]
            try:
                result = answer(self.store, call)
            except Refusal as refusal:
                return self.answer_json(
                    refusal.status, {"status": {"error": refusal.error}, "time": 0.0}
                )
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                text = f"Format error in JSON body: {type(error).__name__}: {error}"
                return self.answer_json(400, {"status": {"error": text}, "time": 0.0})
            except Exception as error:
                text = f"Service internal error: {error}"
                return self.answer_json(500, {"status": {"error": text}, "time": 0.0})
            return self.answer_json(200, {"result": result, "status": "ok", "time": 0.0})
        return self.answer(404, None, b"")

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = handle_any

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        # a client that disconnects is nothing to report
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--api-key")
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    options = parser.parse_args()
    Handler.store = Store(options.folder)
    Handler.api_key = options.api_key
    server = Server(("127.0.0.1", options.port), Handler)
    if options.tls_cert is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.tls_cert, options.tls_key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    sys.stdin.buffer.read()
    # the engine's log has every acknowledged write; no orderly shutdown is needed
    os._exit(0)


if __name__ == "__main__":
    main()
