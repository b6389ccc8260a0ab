// What a function needs to read events and to emit them. Copy it as it is; what you write goes into index.ts.

// @ts-ignore: decorator
@external("flowbench", "emit")
declare function host_emit(address: usize, length: i32): void;

// @ts-ignore: decorator
@external("flowbench", "log")
declare function host_log(address: usize, length: i32): void;

/** Emits a CloudEvent in JSON. It needs a `type`; `id`, `source` and `specversion` are given if they are missing. */
export function emit(json: string): void {
  const bytes = String.UTF8.encode(json);
  host_emit(changetype<usize>(bytes), bytes.byteLength);
}

/** Writes a line to the log, which is shown with the function. */
export function log(line: string): void {
  const bytes = String.UTF8.encode(line);
  host_log(changetype<usize>(bytes), bytes.byteLength);
}

/** Tells the version of the interface. */
export function abi(): i32 {
  return 1;
}

let buffer = new ArrayBuffer(0);

/** Gives the memory into which the next batch is written, after what the one before has left over is given back. */
export function alloc(length: i32): i32 {
  __collect();
  if (buffer.byteLength < length) buffer = new ArrayBuffer(length);
  return changetype<i32>(buffer);
}

/** Logs where the program failed, and ends it. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const what = message ? message : "aborted";
  log(`${what} in ${file ? file : "?"}, line ${line}, column ${column}`);
  unreachable();
}

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const COLON: u8 = 0x3a;
const SPACE: u8 = 0x20;

/**
 * The events of a batch, one after the other. The names of attributes and of fields of the data are found alike; they are
 * of plain letters, digits and the like.
 */
export class Batch {
  private line: usize;
  private line_end: usize;
  private end: usize;

  constructor(address: i32, length: i32) {
    this.line = address;
    this.line_end = address - 1;
    this.end = address + length;
  }

  /** Goes to the next event; false if there is none. */
  next(): bool {
    this.line = this.line_end + 1;
    if (this.line >= this.end) return false;
    this.line_end = this.line;
    while (load<u8>(this.line_end) != 0x0a) this.line_end++;
    return true;
  }

  /** The event as it is, in JSON. */
  json(): string {
    return String.UTF8.decodeUnsafe(this.line, this.line_end - this.line);
  }

  /** The text in quotes that is behind the first such name; empty if there is none. */
  text(name: string): string {
    const start = this.value(name);
    if (start == 0 || load<u8>(start) != QUOTE) return "";
    const from = start + 1;
    let at = from;
    let is_escaped = false;
    while (load<u8>(at) != QUOTE) {
      if (load<u8>(at) == BACKSLASH) {
        is_escaped = true;
        at++;
      }
      at++;
    }
    const text = String.UTF8.decodeUnsafe(from, at - from);
    return is_escaped ? unescaped(text) : text;
  }

  /** The number behind the first such name, with or without quotes; NaN if there is none. */
  number(name: string): f64 {
    const digits = this.digits(name);
    return digits.length == 0 ? NaN : parseFloat(digits);
  }

  /** The amount of money behind the first such name, as a whole number of cents; 0 if there is none. */
  cents(name: string): i64 {
    const digits = this.digits(name);
    const point = digits.indexOf(".");
    if (point < 0) return digits.length == 0 ? 0 : I64.parseInt(digits) * 100;
    const cents = digits.substring(point + 1, point + 3).padEnd(2, "0");
    return I64.parseInt(digits.substring(0, point) + cents);
  }

  private digits(name: string): string {
    let from = this.value(name);
    if (from == 0) return "";
    if (load<u8>(from) == QUOTE) from++;
    let at = from;
    while (is_of_number(load<u8>(at))) at++;
    return String.UTF8.decodeUnsafe(from, at - from);
  }

  /** The address of the value behind a name, or 0. */
  private value(name: string): usize {
    const key_length = <usize>name.length + 3;
    for (let at = this.line; at + key_length <= this.line_end; at++) {
      if (load<u8>(at) != QUOTE || !is_key(at, name)) continue;
      at += key_length;
      while (load<u8>(at) == SPACE) at++;
      return at;
    }
    return 0;
  }
}

/** Whether a name in quotes and a colon are at an address. */
function is_key(at: usize, name: string): bool {
  const length = name.length;
  for (let index = 0; index < length; index++) {
    if (<i32>load<u8>(++at) != name.charCodeAt(index)) return false;
  }
  return load<u8>(at + 1) == QUOTE && load<u8>(at + 2) == COLON;
}

/** A text in JSON, with its quotes. */
export function quoted(text: string): string {
  let json = '"';
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code == 0x22 || code == 0x5c) json += "\\" + text.charAt(at);
    else if (code < 0x20) json += "\\u00" + (code < 0x10 ? "0" : "1") + (code & 15).toString(16);
    else json += text.charAt(at);
  }
  return json + '"';
}

function unescaped(text: string): string {
  let plain = "";
  for (let at = 0; at < text.length; at++) {
    if (text.charAt(at) != "\\") {
      plain += text.charAt(at);
      continue;
    }
    at++;
    const code = text.charAt(at);
    if (code == "u") {
      plain += String.fromCharCode(<i32>I32.parseInt(text.substring(at + 1, at + 5), 16));
      at += 4;
    } else if (code == "n") plain += "\n";
    else if (code == "t") plain += "\t";
    else if (code == "r") plain += "\r";
    else if (code == "b") plain += "\b";
    else if (code == "f") plain += "\f";
    else plain += code;
  }
  return plain;
}

function is_of_number(byte: u8): bool {
  return (byte >= 0x30 && byte <= 0x39) || byte == 0x2e || byte == 0x2d || byte == 0x2b || byte == 0x65 || byte == 0x45;
}
