"""uvicorn's HTTP/1.1, with problem documents for what is no HTTP at all."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http.errors import invalid_field


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def send_400_response(self, msg: str) -> None:
        """Answers what the parser refused, and hangs up."""
        reply = invalid_field("request", "is not valid HTTP/1.1").reply()
        headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body)), (b"connection", b"close")]
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n%b\r\n%b" % (head, reply.body))
        self.transport.close()
