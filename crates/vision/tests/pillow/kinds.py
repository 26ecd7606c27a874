"""Writes images of many kinds and what Pillow makes of each, for tests/kinds.rs to compare with.

    python3 crates/vision/tests/pillow/kinds.py

Made with Pillow 13.0.0. No randomness: images are formulas, and kinds that no encoder writes are spliced from files of this folder. It writes
- kinds.tar.gz: the files;
- kinds.txt: a line for each, NAME WIDTH HEIGHT CRC WIDTH HEIGHT CRC, of convert("RGB") as it is stored and after ImageOps.exif_transpose; or NAME refused.
"""

import gzip
import io
import math
import struct
import tarfile
import warnings
import zlib
from pathlib import Path

from PIL import Image, ImageOps

HERE = Path(__file__).parent
FILES = {}


def smooth(width, height):
    image = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            image.putpixel((x, y), (int(127 + 100 * math.sin(x / 7) * math.cos(y / 5)), int(127 + 90 * math.cos((x + y) / 9)), int(40 + 150 * y / height)))
    return image


def noise(count, salt=0):
    return bytes((i * 7919 + i * i * 31 + salt * 104729) // 7 % 256 for i in range(count))


def saved(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


RGB = smooth(12, 9)
GREY = RGB.convert("L")
RGBA = RGB.copy()
RGBA.putalpha(GREY.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
P16 = RGB.quantize(16)
P200 = RGB.quantize(200)
BITS = RGB.convert("1")


# JPEG: segments taken out of files and put together in other ways.
def segments(data):
    """Segments up to the first scan, and all that is behind its header."""
    place, found = 2, []
    while True:
        marker, length = data[place + 1], struct.unpack(">H", data[place + 2 : place + 4])[0]
        found.append((marker, data[place + 4 : place + 2 + length]))
        place += 2 + length
        if marker == 0xDA:
            return found, data[place:]


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def adobe(transform):
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


def jpeg(source, first=b"", before_frame=b"", after_frame=b"", before_scan=b"", frame=0xC0, change_frame=None, change_scan=None, each=b"", tail=b"", change_data=None):
    parts, data = segments((HERE / source).read_bytes())
    out = b"\xff\xd8" + first
    for marker, body in parts:
        if marker in (0xE0, 0xEE):
            continue
        if marker == 0xC0:
            body = change_frame(body) if change_frame else body
            out += before_frame + each + segment(frame, body) + after_frame
        elif marker == 0xDA:
            body = change_scan(body) if change_scan else body
            out += before_scan + each + segment(marker, body)
        else:
            out += each + segment(marker, body)
    return out + (change_data(data) if change_data else data) + tail


def jpegs():
    for transform in (0, 1, 2):
        for name, jfif in (("jfif", JFIF), ("plain", b"")):
            for place in ("first", "before_frame", "after_frame", "before_scan"):
                marks = {place: adobe(transform)}
                marks["first"] = jfif + marks.get("first", b"")
                FILES[f"adobe{transform}-{place}-{name}.jpg"] = jpeg("colour.jpg", **marks)
                if not jfif:
                    FILES[f"cmyk-adobe{transform}-{place}.jpg"] = jpeg("cmyk.jpg", **marks)
    FILES["cmyk-plain.jpg"] = jpeg("cmyk.jpg")
    FILES["cmyk-jfif.jpg"] = jpeg("cmyk.jpg", first=JFIF)
    FILES["adobe-short.jpg"] = jpeg("colour.jpg", first=segment(0xEE, b"Adobe\0\x64\0\0\0\0"))
    FILES["adobe-then-short.jpg"] = jpeg("colour.jpg", first=adobe(0) + segment(0xEE, b"Adobe\0\x64\0\0\0\0"))
    FILES["adobe-0-then-1.jpg"] = jpeg("colour.jpg", first=adobe(0), after_frame=adobe(1))
    FILES["adobe-1-then-0.jpg"] = jpeg("colour.jpg", first=adobe(1), after_frame=adobe(0))
    FILES["jfif-short.jpg"] = jpeg("colour.jpg", first=segment(0xE0, b"JFIF\0\1\1\0") + adobe(0))
    FILES["jfif-late.jpg"] = jpeg("colour.jpg", first=adobe(0), after_frame=JFIF)
    FILES["jfxx.jpg"] = jpeg("colour.jpg", first=adobe(0) + segment(0xE0, b"JFXX\0\x10" + bytes(9)))
    FILES["grey-adobe.jpg"] = jpeg("grey.jpg", after_frame=adobe(0))
    for ids in ((82, 71, 66), (114, 103, 98), (0, 1, 2), (1, 34, 35), (5, 5, 6), (7, 7, 7)):

        def frame_ids(body):
            return body[:6] + b"".join(bytes([ids[i]]) + body[7 + 3 * i : 9 + 3 * i] for i in range(3))

        def scan_ids(body):
            return body[:1] + b"".join(bytes([ids[i]]) + body[2 + 2 * i : 3 + 2 * i] for i in range(3)) + body[7:]

        for name, jfif in (("jfif", JFIF), ("plain", b"")):
            FILES[f"ids-{'-'.join(map(str, ids))}-{name}.jpg"] = jpeg("colour.jpg", first=jfif, change_frame=frame_ids, change_scan=scan_ids)
    FILES["scan-reversed.jpg"] = jpeg("colour.jpg", first=JFIF, change_scan=lambda body: body[:1] + body[5:7] + body[3:5] + body[1:3] + body[7:])
    FILES["scan-longer.jpg"] = jpeg("colour.jpg", first=JFIF, change_scan=lambda body: body + b"\0")
    FILES["frame-longer.jpg"] = jpeg("colour.jpg", first=JFIF, change_frame=lambda body: body + b"\0")
    for place in ("first", "before_frame", "after_frame", "before_scan"):
        FILES[f"stray-{place}.jpg"] = jpeg("colour.jpg", **{place: b"\0\0\1stray"})
        FILES[f"stray-ff00-{place}.jpg"] = jpeg("subsampled.jpg", **{place: b"\1\xff\0\2\xff\xff\0"})
    FILES["fill.jpg"] = jpeg("colour.jpg", first=b"\xff\xff" + JFIF, each=b"\xff\xff\xff")
    FILES["stray-progressive.jpg"] = jpeg("progressive.jpg", first=JFIF, before_scan=b"\0stray", frame=0xC2)
    for marker in (0x01, 0x02, 0xBF, 0xC8, 0xCC, 0xD0, 0xD8, 0xDC, 0xDE, 0xDF, 0xE9, 0xEF, 0xF0, 0xFD, 0xFE):
        alone = marker in (0x01, 0xD0, 0xD8)
        FILES[f"marker-{marker:02x}.jpg"] = jpeg("colour.jpg", before_scan=bytes([0xFF, marker]) if alone else segment(marker, b"\0\x11"))
    tables = [segment(marker, body) for marker, body in segments((HERE / "colour.jpg").read_bytes())[0] if marker in (0xC4, 0xDB)]
    FILES["tables-twice.jpg"] = jpeg("colour.jpg", before_scan=b"".join(tables))
    FILES["table-impossible.jpg"] = jpeg("colour.jpg", before_scan=segment(0xC4, b"\x03" + bytes([3]) + bytes(15) + b"\0\1\2"))
    for interval in (0, 1, 60000):
        FILES[f"interval-{interval}.jpg"] = jpeg("colour.jpg", before_scan=segment(0xDD, struct.pack(">H", interval)))
    FILES["interval-twice.jpg"] = jpeg("restarts.jpg", before_frame=segment(0xDD, b"\0\x07"))
    FILES["interval-long.jpg"] = jpeg("restarts.jpg", before_scan=segment(0xDD, b"\0\1\0"))
    for off in (1, 2, 3, 4, 5, 6, 7):

        def renumbered(data):
            out = bytearray(data)
            for i in range(len(out) - 1):
                if out[i] == 0xFF and 0xD0 <= out[i + 1] <= 0xD7:
                    out[i + 1] = 0xD0 + (out[i + 1] - 0xD0 + off) % 8
            return bytes(out)

        FILES[f"restarts-off-{off}.jpg"] = jpeg("restarts.jpg", change_data=renumbered)
    FILES["restarts-one-missing.jpg"] = jpeg("restarts.jpg", change_data=lambda data: data.replace(b"\xff\xd1", b"", 1))
    FILES["tail.jpg"] = jpeg("colour.jpg", tail=noise(3000))
    FILES["tail-html.jpg"] = jpeg("subsampled.jpg", tail=b"<html></html>\r\n")
    FILES["before-end.jpg"] = jpeg("colour.jpg", change_data=lambda data: data[:-2] + b"\0stray\xff\0" + data[-2:])
    FILES["thumbnail.jpg"] = jpeg("colour.jpg", first=segment(0xE1, b"Exif\0\0" + orientation(b"II", 1) + (HERE / "grey.jpg").read_bytes()))
    FILES["twelve-bit.jpg"] = jpeg("colour.jpg", frame=0xC1, change_frame=lambda body: b"\x0c" + body[1:])
    for name, frame in (("extended", 0xC1), ("lossless", 0xC3), ("hierarchical", 0xC5), ("arithmetic", 0xC9)):
        FILES[f"{name}.jpg"] = jpeg("colour.jpg", frame=frame)
    FILES["two-components.jpg"] = jpeg("colour.jpg", change_frame=lambda body: body[:5] + b"\2" + body[6:12], change_scan=lambda body: b"\2" + body[1:5] + body[7:])
    for factors in (0x14, 0x41, 0x44):
        FILES[f"grey-{factors:x}.jpg"] = jpeg("grey.jpg", change_frame=lambda body: body[:7] + bytes([factors]) + body[8:])
    FILES["factors-2-2-2.jpg"] = jpeg("colour.jpg", change_frame=lambda body: body[:7] + b"\x22" + body[8:10] + b"\x22" + body[11:13] + b"\x22" + body[14:])
    FILES["factors-3-2-1.jpg"] = jpeg("colour.jpg", change_frame=lambda body: body[:7] + b"\x31" + body[8:10] + b"\x21" + body[11:])
    FILES["line-feed-first.jpg"] = b"\n" + (HERE / "colour.jpg").read_bytes()


# EXIF data, in each format's place.
def directory(order, entries, at=8):
    p = "<" if order == b"II" else ">"
    rows = b"".join(struct.pack(p + "HHI", tag, kind, count) + value.ljust(4, b"\0") for tag, kind, count, value in entries)
    return order + struct.pack(p + "HI", 42, at) + bytes(at - 8) + struct.pack(p + "H", len(entries)) + rows + struct.pack(p + "I", 0)


def orientation(order, value):
    return directory(order, [(274, 3, 1, struct.pack("<H" if order == b"II" else ">H", value))])


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'


def turned():
    def exif(name, *bodies):
        FILES[f"exif-{name}.jpg"] = jpeg("narrow.jpg", first=b"".join(segment(0xE1, body) for body in bodies))

    def entry(name, kind, value, count=1, order=b"II", more=b""):
        exif(name, b"Exif\0\0" + directory(order, [(274, kind, count, value)]) + more)

    for value in range(10):
        entry(f"{value}", 3, struct.pack("<H", value))
        entry(f"{value}-big", 3, struct.pack(">H", value), order=b"MM")
    for name, kind, value in (("byte", 1, b"\6"), ("text", 2, b"6"), ("long", 4, b"\6"), ("signed-byte", 6, b"\6"), ("undefined", 7, b"\6"), ("signed-short", 8, b"\6"), ("signed-long", 9, b"\6"), ("float", 11, struct.pack("<f", 6)), ("float-half", 11, struct.pack("<f", 6.5)), ("pointer", 13, b"\6"), ("type-0", 0, b"\6"), ("type-99", 99, b"\6"), ("short-65535", 3, b"\xff\xff"), ("long-65542", 4, b"\6\0\1\0")):
        entry(name, kind, value)
    entry("long-big", 4, b"\0\0\0\6", order=b"MM")
    entry("two-shorts", 3, b"\6\0\3\0", count=2)
    entry("no-short", 3, b"\6", count=0)
    at = struct.pack("<I", 26)
    for name, kind, count, more in (("rational", 5, 1, struct.pack("<II", 12, 2)), ("rational-zero", 5, 1, struct.pack("<II", 6, 0)), ("double", 12, 1, struct.pack("<d", 6)), ("five-shorts", 3, 5, struct.pack("<5H", 6, 1, 1, 1, 1)), ("five-shorts-cut", 3, 5, struct.pack("<3H", 6, 1, 1))):
        entry(name, kind, at, count, more=more)
    six = orientation(b"II", 6)
    lists = {
        "bad-entry-before": [(271, 2, 10, struct.pack("<I", 38)), (274, 3, 1, b"\6")],
        "endless-entry-before": [(271, 2, 0x7FFFFFFF, struct.pack("<I", 38)), (274, 3, 1, b"\6")],
        "unsorted": [(305, 3, 1, b"\1"), (274, 3, 1, b"\6"), (271, 3, 1, b"\1")],
        "twice": [(274, 3, 1, b"\6"), (274, 3, 1, b"\3")],
        "twice-first-unknown": [(274, 99, 1, b"\6"), (274, 3, 1, b"\3")],
    }
    for name, entries in lists.items():
        exif(name, b"Exif\0\0" + directory(b"II", entries))
    bodies = {
        "far": directory(b"MM", [(274, 3, 1, b"\0\6")], at=100), "odd-place": directory(b"II", [(274, 3, 1, b"\6")], at=9),
        "no-next": six[:-4], "half-entry": six[:-6], "more-entries": six[:8] + b"\x09" + six[9:-4], "swapped-magic": b"II\0\x2a" + six[4:],
        "prefix-twice": b"Exif\0\0" + six, "prefix-thrice": b"Exif\0\0Exif\0\0" + six, "at-zero": b"II*\0\0\0\0\0" + six[8:], "short": b"II*\0", "empty": b"", "at-the-end": b"II*\0\xff\xff\xff\xffgarbage",
    }
    for name, body in bodies.items():
        exif(name, b"Exif\0\0" + body)
    exif("no-zero", b"Exif\0" + six)
    exif("split", (b"Exif\0\0" + six)[:20], b"Exif\0\0" + (b"Exif\0\0" + six)[20:])
    exif("two", b"Exif\0\0" + orientation(b"II", 3), b"Exif\0\0" + six)
    space = b"http://ns.adobe.com/xap/1.0/\0"
    exif("xmp", space + XMP)
    exif("xmp-element", space + b"<tiff:Orientation>8</tiff:Orientation>")
    exif("xmp-twice", space + XMP, space + b"<tiff:Orientation>8</tiff:Orientation>")
    exif("xmp-and-exif-1", space + XMP, b"Exif\0\0" + orientation(b"II", 1))
    FILES["exif-after-frame.jpg"] = jpeg("narrow.jpg", after_frame=segment(0xE1, b"Exif\0\0" + six))
    FILES["exif-after-scan.jpg"] = jpeg("narrow.jpg", change_data=lambda data: data[:-2] + segment(0xE1, b"Exif\0\0" + six) + data[-2:])

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    raw = RGB.tobytes()
    rows = b"".join(b"\0" + raw[36 * y : 36 * y + 36] for y in range(9))
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 12, 9, 8, 2, 0, 0, 0))
    eight = orientation(b"MM", 8)

    def hexadecimal(data):
        return b"\nexif\n%8d\n" % len(data) + b"\n".join(data.hex().encode()[i : i + 72] for i in range(0, 2 * len(data), 72)) + b"\n"

    text = b"XML:com.adobe.xmp\0"
    for name, before, after in (
        ("before", chunk(b"eXIf", six), b""), ("after", b"", chunk(b"eXIf", eight)), ("both", chunk(b"eXIf", six), chunk(b"eXIf", eight)), ("prefix", chunk(b"eXIf", b"Exif\0\0" + six), b""),
        ("raw", chunk(b"tEXt", b"Raw profile type exif\0" + hexadecimal(b"Exif\0\0" + six)), b""), ("raw-packed", chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(hexadecimal(b"Exif\0\0" + eight))), b""), ("raw-after", b"", chunk(b"tEXt", b"Raw profile type exif\0" + hexadecimal(six))),
        ("xmp", chunk(b"iTXt", text + b"\0\0\0\0" + XMP), b""), ("xmp-packed", chunk(b"iTXt", text + b"\1\0\0\0" + zlib.compress(XMP)), b""), ("xmp-after", b"", chunk(b"iTXt", text + b"\0\0\0\0" + XMP)), ("xmp-and-exif", chunk(b"iTXt", text + b"\0\0\0\0" + XMP) + chunk(b"eXIf", six), b""),
        ("nonsense", chunk(b"eXIf", b"II*\0\xff\xff\xff\xff"), b""), ("another-entry", chunk(b"eXIf", directory(b"II", [(271, 3, 1, b"\1")])), b""),
    ):
        FILES[f"exif-{name}.png"] = head + before + chunk(b"IDAT", zlib.compress(rows)) + after + chunk(b"IEND", b"")
    for name, options in (("prefix", {"exif": b"Exif\0\0" + six}), ("bare", {"exif": eight}), ("xmp", {"xmp": XMP}), ("both", {"xmp": XMP, "exif": six})):
        FILES[f"exif-{name}.webp"] = saved(RGB, "WEBP", lossless=True, **options)
    unflagged = bytearray(FILES["exif-prefix.webp"])
    unflagged[20] &= ~8
    FILES["exif-unflagged.webp"] = bytes(unflagged)


# BMP.
def bmp(width, height, bits, compression, data, palette=b"", masks=b"", header=40, top=False, colours=0):
    head = struct.pack("<IiiHHIIiiII", header, width, -height if top else height, 1, bits, compression, len(data), 2835, 2835, colours, 0)
    if header > 40:
        head, masks = head + masks.ljust(header - 40, b"\0"), b""
    start = 14 + len(head) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + masks + palette + data


def bmps():
    for name, image in (("rgb", RGB), ("grey", GREY), ("rgba", RGBA), ("p16", P16), ("p200", P200), ("bits", BITS)):
        FILES[f"{name}.bmp"] = saved(image, "BMP")
    words = b"".join(struct.pack("<H", (i * 2741 + i * i * 77) % 65536) for i in range(108))
    FILES["555.bmp"] = bmp(12, 9, 16, 0, words)
    for name, masks in (("555-fields", (0x7C00, 0x3E0, 0x1F)), ("565", (0xF800, 0x7E0, 0x1F)), ("444", (0xF00, 0xF0, 0xF)), ("655", (0xFC00, 0x3E0, 0x1F))):
        FILES[f"{name}.bmp"] = bmp(12, 9, 16, 3, words, masks=struct.pack("<III", *masks))
    FILES["565-v4.bmp"] = bmp(12, 9, 16, 3, words, masks=struct.pack("<IIII", 0xF800, 0x7E0, 0x1F, 0), header=108)
    longs = noise(432)
    FILES["32.bmp"] = bmp(12, 9, 32, 0, longs)
    for name, masks, header in (("bgrx", (0xFF0000, 0xFF00, 0xFF), 40), ("bgra", (0xFF0000, 0xFF00, 0xFF, 0xFF000000), 124), ("rgba", (0xFF, 0xFF00, 0xFF0000, 0xFF000000), 108), ("xbgr", (0xFF000000, 0xFF0000, 0xFF00, 0), 56), ("grbx", (0xFF00, 0xFF0000, 0xFF, 0), 56)):
        FILES[f"32-{name}.bmp"] = bmp(12, 9, 32, 3, longs, masks=struct.pack(f"<{len(masks)}I", *masks), header=header)
    FILES["top.bmp"] = bmp(12, 9, 24, 0, noise(324, 1), top=True)
    FILES["odd.bmp"] = bmp(5, 3, 24, 0, noise(48, 2))
    palette = b"".join(noise(3, 9 * i) + b"\0" for i in range(16))
    FILES["4.bmp"] = bmp(23, 5, 4, 0, noise(60), palette)
    FILES["1.bmp"] = bmp(23, 5, 1, 0, noise(20), palette[:8])
    FILES["8-few.bmp"] = bmp(8, 2, 8, 0, bytes(range(16)), palette, colours=16)
    FILES["core.bmp"] = b"BM" + struct.pack("<IHHI", 0, 0, 0, 26) + struct.pack("<IHHHH", 12, 5, 3, 1, 24) + noise(48)
    FILES["core-4.bmp"] = b"BM" + struct.pack("<IHHI", 0, 0, 0, 74) + struct.pack("<IHHHH", 12, 8, 3, 1, 4) + noise(48) + noise(12, 3)
    runs = b"".join(bytes([8, y * 3 % 16, 0, 5, y % 16, 1, 2, 3, 4, 0, 11, 7, 0, 0]) for y in range(6)) + b"\0\1"
    FILES["rle8.bmp"] = bmp(24, 6, 8, 1, runs, palette, colours=16)
    runs4 = b"".join(bytes([8, 0x12 + y, 0, 5, 0x34, 0x56, 0x70, 0, 11, 0x79, 0, 0]) for y in range(6)) + b"\0\1"
    FILES["rle4.bmp"] = bmp(24, 6, 4, 2, runs4, palette, colours=16)
    FILES["short.bmp"] = bmp(12, 9, 24, 0, noise(200))
    FILES["huge.bmp"] = bmp(9000, 9000, 24, 0, noise(200))


# GIF.
def gif(screen, frame, palette=None, local=None, transparent=None, background=0, disposal=0):
    def codes(count, bits=4):
        acc = held = 0
        out = bytearray()
        values = []
        for i in range(count):
            if i % 14 == 0:
                values.append(16)
            values.append((i * 7 + i // 5) % 16)
        for value in values + [17]:
            acc |= value << held
            held += bits + 1
            while held >= 8:
                out.append(acc & 255)
                acc, held = acc >> 8, held - 8
        return bytes(out + bytes([acc & 255]))

    data = codes(frame[2] * frame[3])
    out = b"GIF89a" + struct.pack("<HHBBB", *screen, 0xF3 if palette else 0x70, background, 0) + (palette or b"")
    if transparent is not None or disposal:
        out += b"!\xf9\4" + bytes([disposal << 2 | (transparent is not None), 0, 0, transparent or 0, 0])
    out += b"!\xfe\3abc\0," + struct.pack("<HHHHB", *frame, 0x83 if local else 0) + (local or b"") + b"\4"
    return out + b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255)) + b"\0;"


def gifs():
    for name, image, options in (("p16", P16, {}), ("p200", P200, {}), ("grey", GREY, {}), ("bits", BITS, {}), ("rgb", RGB, {}), ("rgba", RGBA, {}), ("interlaced", P16, {"interlace": 1}), ("transparent", P16, {"transparency": 3}), ("animated", P16, {"save_all": True, "append_images": [P16.rotate(180)], "duration": 100})):
        FILES[f"{name}.gif"] = saved(image, "GIF", **options)
    colours, others, greys = noise(48, 4), noise(48, 5), bytes(i for i in range(16) for _ in range(3))
    part = ((12, 9), (3, 2, 6, 5))
    for name, options in (("part", {}), ("part-background", {"background": 5}), ("part-transparent", {"transparent": 6}), ("part-local", {"local": others}), ("part-local-transparent", {"local": others, "transparent": 9, "background": 2}), ("part-grey-local", {"local": greys, "transparent": 3}), ("part-disposal", {"disposal": 2, "background": 4})):
        FILES[f"{name}.gif"] = gif(*part, palette=colours, **options)
    FILES["no-palette.gif"] = gif(*part)
    FILES["no-palette-transparent.gif"] = gif(*part, transparent=7)
    FILES["grey-palette.gif"] = gif(*part, palette=greys)
    FILES["wide.gif"] = gif((12, 9), (0, 3, 12, 4), palette=colours, transparent=5)
    FILES["outside.gif"] = gif((12, 9), (8, 2, 6, 5), palette=colours)
    FILES["larger.gif"] = gif((4, 3), (0, 0, 6, 5), palette=colours)
    FILES["cut.gif"] = FILES["p200.gif"][: len(FILES["p200.gif"]) - 40]
    FILES["no-trailer.gif"] = FILES["p200.gif"][:-1]
    FILES["huge.gif"] = gif((65535, 65535), (0, 0, 6, 5), palette=colours)
    FILES["empty-screen.gif"] = gif((0, 0), (0, 0, 6, 5), palette=colours)


# TIFF.
def tiff(order, tags, data, size=(12, 9)):
    p = "<" if order == b"II" else ">"
    all = {256: (4, [size[0]]), 257: (4, [size[1]]), 258: (3, [8, 8, 8]), 259: (3, [1]), 262: (3, [2]), 273: (4, [0]), 277: (3, [3]), 278: (4, [size[1]]), 279: (4, [len(data)])}
    all.update(tags)
    rows = {}
    for tag, (kind, values) in sorted(all.items()):
        rows[tag] = (kind, len(values), bytes(values) if kind == 1 else b"".join(struct.pack(p + {3: "H", 4: "I"}[kind], value) for value in values))
    far = 8 + 2 + 12 * len(rows) + 4
    start = far + sum(len(raw) for _, _, raw in rows.values() if len(raw) > 4)
    body, extra = b"", b""
    for tag, (kind, count, raw) in rows.items():
        if tag == 273:
            raw = struct.pack(p + "I", start)
        if len(raw) > 4:
            raw, extra = struct.pack(p + "I", far + len(extra)), extra + raw
        body += struct.pack(p + "HHI", tag, kind, count) + raw.ljust(4, b"\0")
    return order + struct.pack(p + "HI", 42, 8) + struct.pack(p + "H", len(rows)) + body + bytes(4) + extra + data


def tiffs():
    for name, image in (("rgb", RGB), ("grey", GREY), ("rgba", RGBA), ("p16", P16), ("bits", BITS), ("cmyk", RGB.convert("CMYK")), ("la", GREY.convert("LA")), ("float", GREY.convert("F")), ("ycbcr", RGB.convert("YCbCr")), ("lab", RGB.convert("LAB"))):
        FILES[f"{name}.tif"] = saved(image, "TIFF")
    for compression in ("tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits", "jpeg"):
        FILES[f"rgb-{compression}.tif"] = saved(RGB, "TIFF", compression=compression)
        FILES[f"grey-{compression}.tif"] = saved(GREY, "TIFF", compression=compression)
    for compression in ("group3", "group4", "tiff_lzw"):
        FILES[f"bits-{compression}.tif"] = saved(BITS, "TIFF", compression=compression)
    FILES["p16-tiff_lzw.tif"] = saved(P16, "TIFF", compression="tiff_lzw")
    raw = RGB.tobytes()
    for value in range(10):
        FILES[f"orientation-{value}.tif"] = tiff(b"II" if value % 2 else b"MM", {274: (3, [value])}, raw)
    FILES["orientation-long.tif"] = tiff(b"II", {274: (4, [6])}, raw)
    FILES["orientation-xmp.tif"] = tiff(b"MM", {700: (1, b'<x tiff:Orientation="3"/>')}, raw)
    FILES["white-is-0.tif"] = tiff(b"II", {262: (3, [0]), 277: (3, [1]), 258: (3, [8])}, GREY.tobytes())
    four = {277: (3, [4]), 258: (3, [8] * 4)}
    FILES["alpha-multiplied.tif"] = tiff(b"II", {**four, 338: (3, [1])}, RGBA.tobytes())
    FILES["alpha.tif"] = tiff(b"MM", {**four, 338: (3, [2])}, RGBA.tobytes())
    FILES["fourth.tif"] = tiff(b"MM", {**four, 338: (3, [0])}, RGBA.tobytes())
    FILES["fourth-untold.tif"] = tiff(b"MM", four, RGBA.tobytes())
    words = b"".join(struct.pack("<3H", i * 2731 % 65536, i * 385, i * i) for i in range(108))
    FILES["rgb16.tif"] = tiff(b"II", {258: (3, [16] * 3)}, words)
    FILES["rgb16-big.tif"] = tiff(b"MM", {258: (3, [16] * 3)}, words)
    for bits in (2, 4):
        FILES[f"grey{bits}.tif"] = tiff(b"II", {262: (3, [1]), 277: (3, [1]), 258: (3, [bits])}, noise(12 * bits // 8 * 9))
    FILES["short.tif"] = tiff(b"II", {}, raw[:200])
    FILES["huge.tif"] = tiff(b"II", {}, raw[:200], size=(9000, 9000))
    FILES["two.tif"] = saved(RGB, "TIFF", save_all=True, append_images=[RGB.rotate(180)])
    FILES["big.tif"] = saved(RGB, "TIFF", big_tiff=True)


def misnamed():
    for name, source in (("a-gif.jpg", "p16.gif"), ("a-bmp.jpg", "rgb.bmp"), ("a-tiff.png", "rgb.tif"), ("a-webp.jpg", "exif-bare.webp"), ("a-jpeg.png", "adobe1-first-jfif.jpg")):
        FILES[name] = FILES[source]


def crc(image):
    return f"{image.width} {image.height} {zlib.crc32(image.tobytes()):08x}"


def line(name, data):
    try:
        stored = Image.open(io.BytesIO(data)).convert("RGB")
    except Exception:
        return f"{name} refused"
    try:
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    except Exception:
        # EXIF data that make no sense are no reason to refuse an image.
        upright = stored
    return f"{name} {crc(stored)} {crc(upright)}"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for make in (jpegs, turned, bmps, gifs, tiffs, misnamed):
        make()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    (HERE / "kinds.tar.gz").write_bytes(gzip.compress(archive.getvalue(), mtime=0))
    (HERE / "kinds.txt").write_text("".join(line(name, data) + "\n" for name, data in FILES.items()))
