"""A collector of traces that reads what it is sent by OpenTelemetry's own schema, and by nothing else.

    python collector.py

Prints its address, as JSON. `GET /` then answers with how many spans came by kind, and with everything
that did not fit; what does not fit is answered with 400, too.
"""

import base64
import collections
import http.server
import json

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.trace.v1 import trace_pb2 as trace

IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}

kinds = collections.Counter()
faults = []


def with_bytes(spans):
    """Ids are hexadecimal in OTLP's JSON, and not Base64 as everywhere else in that of protobuf."""
    for span in spans:
        for name, length in IDS.items():
            if name in span:
                read = bytes.fromhex(span[name])
                assert len(read) == length and any(read), name
                span[name] = base64.b64encode(read).decode()


def read(body):
    told = json.loads(body)
    for resource in told["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            with_bytes(scope["spans"])
    # Refuses fields and words that the schema does not know.
    request = json_format.ParseDict(told, service.ExportTraceServiceRequest())
    for resource in request.resource_spans:
        about = {one.key: one.value.string_value for one in resource.resource.attributes}
        assert about["service.name"] == "habeas", about
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            assert span.name and span.trace_id and span.span_id
            assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
            keys = [one.key for one in span.attributes]
            assert len(keys) == len(set(keys)), keys
            kinds[trace.Span.SpanKind.Name(span.kind)] += 1


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            assert self.path == "/v1/traces" and self.headers["content-type"] == "application/json"
            read(body)
        except Exception as error:
            faults.append(repr(error))
            return self.answer(400, {"message": repr(error)})
        taken = service.ExportTraceServiceResponse()
        self.answer(200, json_format.MessageToDict(taken))

    def do_GET(self):
        self.answer(200, {"kinds": kinds, "faults": faults})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
print(json.dumps({"url": "http://127.0.0.1:%d" % server.server_port}), flush=True)
server.serve_forever()
