"""A real mail server on this machine, for the step `mail`.

Arguments: certificate, key, user, password. It prints one line with its ports, and then a line for
each letter that it took. What it does with a letter depends on the recipient: `later@` is put off
once, `never@` is refused, and the rest is taken.
"""

import asyncio
import functools
import json
import ssl
import sys
from email import message_from_bytes

from aiosmtpd.smtp import SMTP, AuthResult

CERTIFICATE, KEY, USER, PASSWORD = sys.argv[1:]


def tell(line):
    print(json.dumps(line), flush=True)


def sign_in(server, session, envelope, mechanism, data):
    fits = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=fits, handled=False)


class Handler:
    def __init__(self, name):
        self.name = name
        self.put_off = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("never@"):
            return "550 5.1.1 ann@secret.example is nobody here"
        if address.startswith("later@") and address not in self.put_off:
            self.put_off.add(address)
            return "451 4.7.1 Come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        letter = message_from_bytes(envelope.content)
        tell({
            "port": self.name,
            "is_encrypted": self.name == "tls" or session.ssl is not None,
            "is_known": bool(session.authenticated),
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name.lower(): value for name, value in letter.items()},
            "body": letter.get_payload(decode=True).decode(),
            "raw": envelope.content.decode(),
        })
        return "250 OK"


async def serve():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    signed_in = {"authenticator": sign_in, "auth_required": True}
    kinds = {
        "starttls": (None, {"tls_context": context, "require_starttls": True, **signed_in}),
        "tls": (context, {"auth_require_tls": False, **signed_in}),
        "plain": (None, {}),
    }
    loop = asyncio.get_running_loop()
    ports, servers = {}, []
    for name, (wrapped_in, options) in kinds.items():
        speak = functools.partial(SMTP, Handler(name), loop=loop, **options)
        servers.append(await loop.create_server(speak, "127.0.0.1", 0, ssl=wrapped_in))
        ports[name] = servers[-1].sockets[0].getsockname()[1]
    tell(ports)
    await asyncio.Event().wait()


asyncio.run(serve())
