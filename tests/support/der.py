"""A reader of DER that knows nothing of certificates: what stands in the bytes, not what a library makes of it."""

from dataclasses import dataclass

TAGS = {
    0x01: "BOOLEAN",
    0x02: "INTEGER",
    0x03: "BIT STRING",
    0x04: "OCTET STRING",
    0x05: "NULL",
    0x06: "OID",
    0x0C: "UTF8String",
    0x13: "PrintableString",
    0x16: "IA5String",
    0x17: "UTCTime",
    0x18: "GeneralizedTime",
    0x30: "SEQUENCE",
    0x31: "SET",
}


@dataclass(frozen=True)
class Node:
    tag: int
    value: bytes

    @property
    def type(self) -> str:
        return TAGS.get(self.tag, f"[{self.tag & 0x1F}]")

    @property
    def children(self) -> list["Node"]:
        return parse_all(self.value)

    @property
    def oid(self) -> str:
        assert self.type == "OID"
        arcs, arc = [], 0
        for octet in self.value:
            arc = arc << 7 | octet & 0x7F
            if not octet & 0x80:
                arcs.append(arc)
                arc = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))

    def __getitem__(self, index: int) -> "Node":
        return self.children[index]


def parse_all(data: bytes) -> list[Node]:
    nodes, at = [], 0
    while at < len(data):
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            length, start = int.from_bytes(data[start : start + octets], "big"), start + octets
        assert start + length <= len(data)
        nodes.append(Node(tag, data[start : start + length]))
        at = start + length
    return nodes


def parse(data: bytes) -> Node:
    (node,) = parse_all(data)
    return node


def read_name(name: Node) -> list[tuple[str, str, str]]:
    """Every RDN as (OID, string type, text); fails on an RDN of several attributes."""
    read = []
    for rdn in name.children:
        (attribute,) = rdn.children
        oid, value = attribute.children
        read.append((oid.oid, value.type, value.value.decode()))
    return read
