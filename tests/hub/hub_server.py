#!/usr/bin/env python3
"""A small stand-in for the Hugging Face Hub, for over-HTTP tests on 127.0.0.1 (standard library + PyYAML).

Two listeners, as on the real Hub: the API origin (HF_ENDPOINT), and a storage ("CDN") origin that takes signed URLs
and refuses requests carrying an Authorization header.  State lives under `root` and survives a restart.

    hub = Hub(tmp_path, {"hf_alice": ("alice", ["acme"], "write")})    # in process: hub.url, .log, .faults, .repos, .stop()
    python hub_server.py ROOT PORT '{"hf_alice": ["alice", ["acme"], "write"]}' '[...faults...]'    # prints one JSON line

Xet is not served: clients need HF_HUB_DISABLE_XET=1.  Gate a repo with hub.repos["models/acme/x"]["gated"] = "manual".
A fault is {"method": "PUT", "path": "^/lfs/", "times": 2, ...} with one of "status": 503 [, "headers": {"Retry-After": 1}],
"drop": true (close, no answer), "sleep": s (first, and after each 64 KiB in), "truncate": n (close after n bytes out).
"""
import base64, hashlib, json, os, re, secrets, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import yaml

LFS_SUFFIXES = tuple(".safetensors .bin .pth .pt .ckpt .npy .npz .onnx .pkl .zip .gz .parquet".split())
GITATTRIBUTES = "".join(f"*{s} filter=lfs diff=lfs merge=lfs -text\n" for s in LFS_SUFFIXES).encode()
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"
TYPE, REPO, CHUNK = r"(models|datasets|spaces)", r"([\w-][\w.-]*/[\w-][\w.-]*?)", 1 << 16


class HubError(Exception):
    def __init__(self, status, message, code=None, **headers):
        self.status, self.message = status, message
        self.headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **headers}


def front_matter(text):
    found = re.match(r"---\s*\n(.*?)\n?---\s*(\n|$)", text, re.S)
    return (yaml.safe_load(found[1]) or {}) if found else {}


class Hub:
    def __init__(self, root, users=None, port=0, faults=(), handler=None):  # users: {token: (name, [orgs], role)}
        self.root, self.lock, self.secret, self.log, self.faults = Path(root), threading.RLock(), secrets.token_hex(), [], list(faults)
        self.users = {token: dict(name=n, orgs=list(o), role=r) for token, (n, o, r) in (users or {}).items()}
        (self.root / "blobs").mkdir(parents=True, exist_ok=True)
        self.state = self.root / "repos.json"
        self.repos = json.loads(self.state.read_text()) if self.state.exists() else {}
        self.servers = [ThreadingHTTPServer(("127.0.0.1", p), handler or Handler) for p in (port, 0)]
        self.url, self.cdn = (f"http://127.0.0.1:{s.server_address[1]}" for s in self.servers)
        for server in self.servers:
            server.daemon_threads, server.hub = True, self
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self):
        [(server.shutdown(), server.server_close()) for server in self.servers]

    # storage: content-addressed blobs and one JSON file, each written aside and then renamed into place
    def blob(self, sha):
        return self.root / "blobs" / sha

    def has(self, sha):
        return bool(re.fullmatch("[0-9a-f]{64}", sha)) and self.blob(sha).exists()

    def put_blob(self, chunks, expect=None):
        tmp, digest = self.blob(secrets.token_hex(8) + ".tmp"), hashlib.sha256()
        with open(tmp, "wb") as f:
            for c in chunks:
                f.write(c), digest.update(c)
        if expect not in (None, digest.hexdigest()):
            raise HubError(400, f"Content has sha256 {digest.hexdigest()}, not {expect}")
        os.replace(tmp, self.blob(digest.hexdigest()))
        return digest.hexdigest()

    def file(self, sha, lfs):
        size = self.blob(sha).stat().st_size
        git = POINTER.format(sha, size).encode() if lfs else self.blob(sha).read_bytes()
        oid = hashlib.sha1(b"blob %d\0" % len(git) + git).hexdigest()
        return dict(sha256=sha, size=size, oid=oid, etag=sha if lfs else oid, pointer=lfs and len(git))

    def commit(self, repo, files, title, parent=None, branch="main"):
        c = dict(parent=parent, title=title, date=time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), files=files)
        sha = hashlib.sha1(json.dumps([c, time.time_ns()]).encode()).hexdigest()
        repo["commits"][sha], repo["branches"][branch] = c, sha
        self.state.with_suffix(".tmp").write_text(json.dumps(self.repos))
        os.replace(self.state.with_suffix(".tmp"), self.state)
        return sha


class Handler(BaseHTTPRequestHandler):
    protocol_version, log_message, hub = "HTTP/1.1", lambda *args: None, property(lambda self: self.server.hub)
    routes = [
        ("GET", "/api/whoami-v2", "whoami"), ("POST", "/api/validate-yaml", "validate_yaml"),
        ("POST", "/api/repos/create", "create"), ("GET", f"/api/{TYPE}/{REPO}(?:/revision/([^/]+))?", "info"),
        ("GET", f"/api/{TYPE}/{REPO}/tree/([^/]+)(?:/(.+))?", "tree"),
        ("POST", f"/api/{TYPE}/{REPO}/preupload/([^/]+)", "preupload"),
        ("POST", rf"/(?:(datasets|spaces)/)?{REPO}\.git/info/lfs/objects/(batch|verify)", "lfs"),
        ("GET HEAD PUT", "/lfs/([0-9a-f]{64})", "storage"), ("POST", f"/api/{TYPE}/{REPO}/commit/([^/]+)", "commit"),
        ("POST", f"/api/{TYPE}/{REPO}/tag/([^/]+)", "tag"),
        ("GET HEAD", f"/(?:(datasets|spaces)/)?{REPO}/resolve/([^/]+)/(.+)", "resolve"),
        ("GET HEAD", f"/api/resolve-cache/{TYPE}/{REPO}/([^/]+)/(.+)", "resolve"),
    ]

    def handle_method(self):
        url, self.unread = urlsplit(self.path), True
        self.entry = dict(cdn=self.server is self.hub.servers[1], method=self.command, path=self.path, status=0,
                          auth="Authorization" in self.headers, range=self.headers.get("Range"))
        self.hub.log.append(self.entry)
        self.query = {k: v[0] for k, v in parse_qs(url.query).items()}
        with self.hub.lock:
            self.fault = next((f for f in self.hub.faults if f.setdefault("times", 1) > 0 and re.search(f["path"], url.path)
                               and f.get("method", self.command) == self.command), {})
            self.fault["times"] = self.fault.get("times", 0) - 1
        try:
            time.sleep(self.fault.get("sleep", 0))
            if self.fault.get("drop"):
                raise ConnectionError
            if "status" in self.fault:
                raise HubError(self.fault["status"], "injected fault", None, **self.fault.get("headers", {}))
            for methods, pattern, name in self.routes:
                found = re.fullmatch(pattern, url.path)
                if found and self.command in methods.split():
                    return getattr(self, name)(*(g and unquote(g) for g in found.groups()))
            raise HubError(404, f"Not served here: {self.command} {url.path}")
        except HubError as e:
            self.json({"error": e.message}, e.status, e.headers)
        except ConnectionError:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = handle_method

    def chunks(self):
        """The request body, whether it has a Content-Length or comes chunked; nothing when asked a second time."""
        chunked, left = "chunked" in self.headers.get("Transfer-Encoding", ""), int(self.headers.get("Content-Length") or 0)
        while self.unread and (left or chunked):
            left = left or int(self.rfile.readline().split(b";")[0], 16)
            data = self.rfile.read(min(left, CHUNK))
            if left and not data:
                raise ConnectionError("the client went away")
            left -= len(data)
            if chunked and not left:  # the line end after a chunk; a chunk of no bytes is the last one
                chunked = bool(self.rfile.readline() and data)
            time.sleep(self.fault.get("sleep", 0))
            yield data
        self.unread = False

    def body(self):
        return json.loads(b"".join(self.chunks()) or b"{}")

    def json(self, obj, status=200, headers=None):
        self.reply(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(obj).encode())

    def reply(self, status, headers, data=b""):
        list(self.chunks())  # an unread body would be taken for the next request on this connection
        self.entry["status"] = status
        self.send_response(status)
        [self.send_header(k, str(v)) for k, v in {"Content-Length": len(data), **headers}.items()]
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else data)

    def send_blob(self, sha, headers):
        size, asked = self.hub.blob(sha).stat().st_size, re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start, cut = int(asked[1]) if asked else 0, self.fault.get("truncate", size)
        headers = {**headers, **({"Content-Range": f"bytes {start}-{size - 1}/{size}"} if asked else {})}
        self.reply(206 if asked else 200, {"Accept-Ranges": "bytes", **headers, "Content-Length": size - start})
        with open(self.hub.blob(sha), "rb") as f:
            f.seek(start)
            while self.command == "GET" and (data := f.read(min(CHUNK, start + cut - f.tell()))):
                self.wfile.write(data)
        self.close_connection |= cut < size

    # who is asking, for which repo, at which commit
    def user(self, required=False):
        header = self.headers.get("Authorization", "")
        user = self.hub.users.get(header.removeprefix("Bearer "))
        if (header or required) and not user:
            raise HubError(401, "Invalid credentials in Authorization header" if header else "Invalid username or password.")
        return user

    def repo(self, kind, rid, write=False, content=False):
        user, repo = self.user(), self.hub.repos.get(f"{kind or 'models'}/{rid}")
        member = user and rid.split("/")[0] in (user["name"], *user["orgs"])
        if not repo or (repo["private"] and not member):
            # the client needs X-Error-Code: without it, it maps 401 to RepositoryNotFoundError only for https:// URLs
            raise HubError(404 if user else 401, "Repository not found", "RepoNotFound")
        if content and repo["gated"] and not member:
            raise HubError(403 if user else 401, f"Access to model {rid} is restricted.", "GatedRepo")
        if write and not (self.user(required=True) and member and user["role"] == "write"):
            raise HubError(403, f"You don't have write access to {rid}")
        return repo

    def at(self, repo, rev):
        sha = repo["branches"].get(rev) or repo["tags"].get(rev) or rev
        if sha not in repo["commits"]:
            raise HubError(404, f"Invalid rev id: {rev}", "RevisionNotFound")
        return sha, repo["commits"][sha]["files"]

    def whoami(self):
        u = self.user(required=True)
        self.json(dict(type="user", name=u["name"], orgs=[dict(type="org", name=o) for o in u["orgs"]],
                       auth=dict(type="access_token", accessToken=dict(displayName="test", role=u["role"]))))

    def create(self):
        p, u, hub = self.body(), self.user(required=True), self.hub
        owner, kind = p.get("organization") or u["name"], (p.get("type") or "model") + "s"
        rid = f"{owner}/{p['name']}"
        out = dict(url=f"{hub.url}/{'' if kind == 'models' else kind + '/'}{rid}", name=rid)
        if owner not in (u["name"], *u["orgs"]) or u["role"] != "write":
            raise HubError(403, f'You don\'t have the permissions to create a model under the namespace "{owner}"')
        with hub.lock:
            if f"{kind}/{rid}" in hub.repos:  # with exist_ok=True the client reads "url" from this answer
                return self.json(dict(out, error="You already created this model repo"), 409)
            private = p.get("visibility") == "private" or bool(p.get("private"))  # the latter from huggingface_hub < 1
            repo = hub.repos[f"{kind}/{rid}"] = dict(private=private, gated=False, branches={}, tags={}, commits={})
            hub.commit(repo, {".gitattributes": hub.file(hub.put_blob([GITATTRIBUTES]), lfs=False)}, "initial commit")
        self.json(out)

    def info(self, kind, rid, rev):
        repo = self.repo(kind, rid)
        sha, files = self.at(repo, rev or "main")
        card = front_matter(self.hub.blob(files["README.md"]["sha256"]).read_text("utf-8")) if "README.md" in files else {}
        extra = {k: card[k] for k in ("library_name", "pipeline_tag") if k in card}
        self.json(dict(id=rid, modelId=rid, author=rid.split("/")[0], sha=sha, private=repo["private"], gated=repo["gated"],
                       lastModified=repo["commits"][sha]["date"], tags=[*extra.values(), *card.get("tags", [])], downloads=0,
                       disabled=False, likes=0, siblings=[dict(rfilename=p) for p in files], cardData=card, **extra))

    def tree(self, kind, rid, rev, folder):  # every file below, without entries for directories: enough for recursive=True
        sha, files = self.at(self.repo(kind, rid), rev)
        files = {p: f for p, f in sorted(files.items()) if p.startswith(folder.rstrip("/") + "/" if folder else "")}
        if folder and not files:
            raise HubError(404, f'{folder} does not exist on "{rev}"', "EntryNotFound", **{"X-Repo-Commit": sha})
        lfs = {p: dict(oid=f["sha256"], size=f["size"], pointerSize=f["pointer"]) for p, f in files.items() if f["pointer"]}
        self.json([dict(type="file", path=p, size=f["size"], oid=f["oid"], lfs=lfs.get(p)) for p, f in files.items()])

    def validate_yaml(self):
        try:
            meta = front_matter(self.body()["content"])
        except yaml.YAMLError as e:
            return self.json({"errors": [{"message": str(e)}], "warnings": []}, 400)
        self.json({"errors": [], "warnings": [] if meta else [{"message": "empty or missing yaml metadata in repo card"}]})

    def preupload(self, kind, rid, rev):
        files, out = self.at(self.repo(kind, rid, write=True), rev)[1], []
        for f in self.body()["files"]:
            lfs = f["path"].endswith(LFS_SUFFIXES) or f["size"] > 10 << 20 or b"\0" in base64.b64decode(f["sample"])
            out.append(dict(path=f["path"], uploadMode="lfs" if lfs else "regular", shouldIgnore=False,
                            oid=files.get(f["path"], {}).get("etag")))
        self.json({"files": out})

    def lfs(self, kind, rid, what):
        self.repo(kind, rid, write=True)
        p, verify, out = self.body(), {"href": self.hub.url + self.path.replace("/batch", "/verify")}, []
        if what == "verify":
            return self.json({}, 200 if self.hub.has(p["oid"]) else 404)
        for o in p["objects"]:
            upload = {"href": f"{self.hub.cdn}/lfs/{o['oid']}?sig={self.hub.secret}"}
            new = {} if self.hub.has(o["oid"]) else {"actions": {"upload": upload, "verify": verify}}
            out.append(dict(oid=o["oid"], size=o["size"], **new))
        self.json({"transfer": "basic", "objects": out})

    def storage(self, sha):
        if self.query.get("sig") != self.hub.secret or "Authorization" in self.headers:
            raise HubError(403, "Bad signature, or an Authorization header was sent to storage")
        if self.command == "PUT":
            return self.reply(200, {"ETag": f'"{self.hub.put_blob(self.chunks(), sha)}"'})
        self.send_blob(sha, {"ETag": f'"{sha}"', "Content-Type": "application/octet-stream"})

    def commit(self, kind, rid, rev):
        hub, items = self.hub, [json.loads(line) for line in b"".join(self.chunks()).splitlines()]
        with hub.lock:
            repo = self.repo(kind, rid, write=True)
            parent, files = self.at(repo, rev)
            head, files = next(i["value"] for i in items if i["key"] == "header"), dict(files)
            if not parent.startswith(head.get("parentCommit", "")):
                raise HubError(412, "A commit has happened since. Please refresh and try again.")
            for key, v in ((i["key"], i["value"]) for i in items):
                if key == "file":
                    files[v["path"]] = hub.file(hub.put_blob([base64.b64decode(v["content"])]), lfs=False)
                elif key == "lfsFile" and not hub.has(v["oid"]):
                    raise HubError(400, f"LFS object {v['oid']} of {v['path']} was not uploaded")
                elif key == "lfsFile":
                    files[v["path"]] = hub.file(v["oid"], lfs=True)
                elif key.startswith("deleted"):
                    files = {p: f for p, f in files.items() if not (p + "/").startswith(v["path"].rstrip("/") + "/")}
            sha = hub.commit(repo, files, head["summary"], parent, rev)
        self.json(dict(success=True, commitOid=sha, commitUrl=f"{hub.url}/{rid}/commit/{sha}", hookOutput=""))

    def tag(self, kind, rid, rev):
        repo, name = self.repo(kind, rid, write=True), self.body()["tag"]
        if name in repo["tags"]:
            raise HubError(409, f"Tag {name} exists already")
        repo["tags"][name] = self.at(repo, rev)[0]
        self.json({})

    # downloading: large files redirect to storage, small ones to a path on this origin
    def resolve(self, kind, rid, rev, path):
        sha, files = self.at(self.repo(kind, rid, content=True), rev)
        if path not in files:
            raise HubError(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": sha})
        f, etag = files[path], f'"{files[path].get("etag")}"'
        if self.path.startswith("/api/resolve-cache/"):
            return self.send_blob(f["sha256"], {"ETag": etag, "X-Repo-Commit": sha, "Content-Type": "text/plain"})
        status, url = (302, f"{self.hub.cdn}/lfs/{f['sha256']}?sig={self.hub.secret}") if f["pointer"] else \
            (307, f"/api/resolve-cache/{kind or 'models'}/{rid}/{sha}/{quote(path)}")
        self.reply(status, {"Location": url, "X-Repo-Commit": sha, "X-Linked-Size": f["size"], "X-Linked-Etag": etag})


if __name__ == "__main__":
    hub = Hub(sys.argv[1], json.loads(sys.argv[3]), int(sys.argv[2]), json.loads(sys.argv[4]))
    print(json.dumps({"url": hub.url, "cdn": hub.cdn, "pid": os.getpid()}), flush=True)
    threading.Event().wait()
