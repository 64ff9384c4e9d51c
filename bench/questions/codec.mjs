const SIZES = [20, 150, 1024, 16_384, 65_536]

/**
 * @param {'decode' | 'encode'} op
 * @param {number} size
 */
const codec = (op, size) => ({
  name: `${op}, ${size} bytes`,
  impls: ['C:memcpy', 'C', 'shared-ws:codec', 'ws', 'ws+bufferutil'],
  place: /** @type {const} */ ('same'),
  server: /** @type {const} */ ('none'),
  task: 'codec',
  fields: { op, size },
  units: ['ns/frame', 'GB/s'],
  size,
  probe: size > 4096 ? 2000 : 20_000,
  most: 100_000_000,
  warmUpMs: 100,
  ...(op === 'decode' ? { firstPlusLength: 120 + size } : {}),
})

/** @type {import('../lib/question.mjs').Question} */
export const question = {
  name: 'codec',
  summary: 'What do decoder and encoder cost alone, without a socket, from 20 bytes to 64 KB?',
  prepare: () => ({
    cases: [...SIZES.map((size) => codec('decode', size)), ...SIZES.map((size) => codec('encode', size))],
  }),
  notes: [
    'Text frames in 256 KB of memory, read or written again and again. GB/s counts payload.',
    'C walks the frames, or builds and masks them, and checks no UTF-8; memcpy copies the payload. ws: its Receiver and ' +
      'Sender, which hand out a Buffer for each message and take one.',
    'The mask key of C and shared-ws is fixed here; ws draws its own.',
  ],
}
