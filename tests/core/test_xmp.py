"""XMP: read as others write it, written as others read it, and refused where it is an attack."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.images import picture

from imagegen_nb.core import xmp

SPACE = "urn:example#"
PREFIXES = {SPACE: "ex", "http://ns.adobe.com/xap/1.0/": "xmp"}
AS_ADOBE_WRITES = b"""<?xpacket begin='\xef\xbb\xbf' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 9">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmp:CreatorTool="Photoshop">
   <dc:format>image/png</dc:format>
   <dc:subject><rdf:Bag><rdf:li>fox</rdf:li></rdf:Bag></dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=50)


def test_attributes_and_simple_elements_are_properties():
    assert xmp.read(AS_ADOBE_WRITES) == {
        "http://ns.adobe.com/xap/1.0/CreatorTool": "Photoshop",
        "http://purl.org/dc/elements/1.1/format": "image/png",
    }


def test_pillow_reads_what_is_written():
    packet = xmp.written({f"{SPACE}step": '{"a": "<&>\r\n"}'}, PREFIXES)
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture())).save(buffer, "JPEG", xmp=packet)
    meta = Image.open(io.BytesIO(buffer.getvalue())).getxmp()
    assert meta["xmpmeta"]["RDF"]["Description"]["step"] == '{"a": "<&>\r\n"}'
    assert packet.startswith(b'<?xpacket begin="\xef\xbb\xbf"')


@given(TEXTS)
def test_a_property_comes_back_whatever_its_text(text):
    packet = xmp.written({f"{SPACE}a": text}, PREFIXES)
    ElementTree.fromstring(packet.partition(b"?>")[2].rpartition(b"<?xpacket")[0])
    assert xmp.read(packet) == ({f"{SPACE}a": text} if text else {})


def test_what_a_packet_has_stays_as_it_is():
    more = xmp.added(
        AS_ADOBE_WRITES, {f"{SPACE}a": "1", "http://ns.adobe.com/xap/1.0/CreatorTool": "ours"}, PREFIXES
    )
    assert xmp.read(more) == xmp.read(AS_ADOBE_WRITES) | {f"{SPACE}a": "1"}
    assert b"<rdf:li>fox</rdf:li>" in more


@pytest.mark.parametrize("packet", [b"", b"<a>", b"<a/>", AS_ADOBE_WRITES * 2, b"\xff\xfe<"])
def test_nothing_is_added_where_it_is_unclear_where(packet):
    assert xmp.added(packet, {f"{SPACE}a": "1"}, PREFIXES) is None


def test_entities_and_depth_are_refused():
    bomb = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><a>&b;</a>'
    assert xmp.read(bomb) is None
    assert xmp.read(bomb.decode().encode("utf-16")) is None
    assert xmp.read(b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>') is None
    assert xmp.read(b"<a>" * 200 + b"</a>" * 200) is None


@given(st.binary(max_size=200), st.integers(0, len(AS_ADOBE_WRITES)))
def test_nothing_is_raised_whatever_the_bytes(noise, at):
    for packet in (noise, AS_ADOBE_WRITES[:at] + noise + AS_ADOBE_WRITES[at + len(noise) :]):
        xmp.read(packet)
        xmp.added(packet, {f"{SPACE}a": "1"}, PREFIXES)
