/**
 * The layout of a message record: 32 bytes of numbers that say where a message lies and when it came. The addon writes
 * them (`native/io/record.h`); transports without it write the same, so that one {@link file://../transport/frame.ts WsFrame}
 * reads them all, where they lie.
 */

/** A record in u32 words; its first word's index is a multiple of this. */
export const RECORD_WORDS = 8
/** u32 word 0: kind | opcode << 8 | flags << 16. */
export const RECORD_HEAD = 0
/** u32 word 1: link id. */
export const RECORD_LINK = 1
/** u32 word 2: payload offset in the slab, or in its block. */
export const RECORD_OFFSET = 2
/** u32 word 3: payload bytes. */
export const RECORD_LENGTH = 3
/** f64 word 2 (bytes 16–23): receive time, CLOCK_MONOTONIC µs; of what, is the link's `timestampSource`. */
export const RECORD_TIME = 2
/** u32 word 6: block index, when flag {@link FLAG_BLOCK} is set; of a `topic`, its number. */
export const RECORD_SLOT = 6
/**
 * u32 word 7: by kind: close code, protocol status, or the error number of an `end`. Of a message, as the addon writes
 * it: how many messages of the link follow one another from here, on the first of them.
 */
export const RECORD_AUX = 7

/** The payload is valid UTF-8 and every byte of it is below 0x80. */
export const FLAG_ASCII = 1
/** The payload lies in `blocks[slot]`, not in the slab. */
export const FLAG_BLOCK = 2
/** The receive time is the kernel's of the message's last byte, and not a moment behind it. */
export const FLAG_EXACT_TIME = 4

/** Values of a record's kind. Payload and `aux` as said. */
export const RecordKind = {
  /** A whole message: `opcode` 1 text or 2 binary. */
  message: 1,
  /** Payload: the ping's. The pong has been queued already. */
  ping: 2,
  pong: 3,
  /** The peer's CLOSE: `aux` is its code (1005 when it carried none), the payload its reason. */
  close: 4,
  /** `aux` is a protocol status. Last record of its batch; CLOSE leaves after the batch. */
  violation: 5,
  /** Raw phase: bytes received. */
  raw: 6,
  connected: 7,
  /** The TLS handshake is done. */
  secure: 8,
  /** Frames can be offered again after a `full`. */
  writable: 9,
  /** The link is gone; the last record of its id. `opcode` is an `EndReason` of the addon, `aux` its number, payload a text. */
  end: 10,
  /** The server gave out TLS sessions; the addon hands them over when asked. They are secrets, so not here. */
  sessions: 11,
  /** Payload: lines of a TLS key log, where somebody asked for them. */
  keyLog: 12,
  /** The message that comes next is data of a topic that was to be told: `slot` is the topic's number. */
  topic: 13,
} as const

/** Records and what their offsets point into. */
export interface RecordMemory {
  readonly words: Uint32Array
  /** Over the same memory as `words`. */
  readonly doubles: Float64Array
  readonly slab: Buffer
  /** The block of a record with {@link FLAG_BLOCK}. */
  block(slot: number): Buffer
  /** Add to a record's time for µs on the clock of `performance.now()`. */
  readonly monoOffsetUs: number
  /** Add to a record's time for Unix epoch µs; good for the current batch. */
  epochOffsetUs(): number
}
