"""gRPC between services: what a service needs of both sides, in one place."""

from kit.rpc_client import Channel, call, channel
from kit.rpc_server import RpcServer, caller, serve
from kit.tls import TlsFiles

__all__ = ["Channel", "RpcServer", "TlsFiles", "call", "caller", "channel", "serve"]
