"""A scorer that does everything wrong. Appends each object that it has answered for to the file it is given,
after the answer was flushed."""
import os
import sys
import time

# Without the json module: it takes longer to import than all else here, and this starts often.

log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
calls = 0


def say(text):
    data = text.encode()
    while data:
        data = data[os.write(1, data):]


def first_time(what):
    try:
        os.close(os.open(f"{sys.argv[1]}.{what}", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def answer(line):
    global calls
    calls += 1
    number, _, field = line.decode().removeprefix('{"id":').removesuffix('"}').partition(',"')
    thing = field.partition('":"')[2]
    # By the number in its name, or else by one that is made of its letters.
    n = int(thing.split("-")[1]) if "-" in thing else int.from_bytes(thing.encode()) % 9973
    if calls % 7 == 0:
        os.write(2, f"crash at {thing}\n".encode())
        if n % 2:
            say('{"id": %s, "score": 0.' % number)
        os._exit(3)
    reply = f'"score": {n / 7!r}'
    before = after = ""
    kind = n % 50
    if kind == 3:
        reply = '"score": NaN'
    elif kind == 7:
        reply = '"score": null'
    elif kind == 11:
        reply = f'"error": "cannot do {thing}"'
    elif kind == 13:
        reply = '"score": -Infinity'
    elif kind == 17:
        after = f'{{"id": {number}, {reply}}}\n'
    elif kind == 19:
        after = '{"id": 999999999, "score": 1}\n'
    elif kind == 23:
        before = "loading model ... done\n"
    elif kind == 29:
        time.sleep(0.002)
    if n % 1000 == 31 and first_time(n):
        time.sleep(60)
    if n % 1000 == 37 and first_time(n):
        os.close(0)
    if n % 1000 == 41:
        before = "x" * (2 << 20) + "\n"
    say(before + f'{{"id": {number}, {reply}}}\n' + after)
    os.write(log, f"{thing}\n".encode())


rest = b""
while True:
    # Everything that is there, newest first.
    try:
        data = os.read(0, 65536)
    except OSError:
        break
    if not data:
        break
    *whole, rest = (rest + data).split(b"\n")
    for line in reversed(whole):
        answer(line)
