"""An SMTP server on aiosmtpd that keeps what it accepts as lines of JSON: smtp-server.py PORT FILE.

The begin of a recipient's address decides what happens to its messages:
reject-: 550. later-: 451. silent-: kept, but never answered. drop-: kept, and at the first attempt of a
Message-ID the connection ends before the answer.
"""

import asyncio
import email
import email.policy
import json
import os
import sys

from aiosmtpd.smtp import SMTP


def body_of(message, kind):
    part = message.get_body(preferencelist=(kind,))
    return part.get_content() if part is not None else ""


class Keeper:
    def __init__(self, path):
        self.path = path
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address.startswith("reject-"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later-"):
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        message_id = message["Message-ID"].strip("<>")
        record = {
            "messageId": message_id,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": message["Subject"],
            "text": body_of(message, "plain"),
            "html": body_of(message, "html"),
        }
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())
        is_first = message_id not in self.seen
        self.seen.add(message_id)
        recipient = envelope.rcpt_tos[0]
        if recipient.startswith("silent-"):
            await asyncio.Event().wait()
        if recipient.startswith("drop-") and is_first:
            server.transport.abort()
        return "250 OK"


async def main():
    port, path = int(sys.argv[1]), sys.argv[2]
    keeper = Keeper(path)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(keeper, hostname="localhost", enable_SMTPUTF8=True), "127.0.0.1", port
    )
    await server.serve_forever()


asyncio.run(main())
