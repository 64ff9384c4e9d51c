import { describe, expect, it } from 'vitest'
import type { ConnectOptions } from '../../../src/front/options.ts'
import { openConnection } from './support.ts'

/** A server that takes nothing, behind a link that holds `maxLinkBytes`: two frames of 4 bytes (10 on the wire). */
async function stalled(options: ConnectOptions = {}) {
  const setup = await openConnection({ limits: { maxLinkBytes: 20 }, ...options })
  setup.server.stall()
  const texts = (): string[] => setup.server.frames.filter(({ opcode }) => opcode < 8).map((frame) => frame.text())
  return { ...setup, texts }
}

describe('send()', () => {
  it('is taken, then queued, then full; what was kept leaves in order once the kernel takes it', async () => {
    const { connection, server, pass, texts } = await stalled({ lanes: { normalBytes: 58 } })
    // Each that waits costs 16 bytes besides its payload.
    const results = ['aaaa', 'bbbb', 'cccc', 'dddd', 'eeee', 'ff', 'g'].map((text) => connection.send(text))
    expect(results).toEqual(['taken', 'taken', 'queued', 'queued', 'full', 'queued', 'full'])
    expect(connection.stats().queuedBytes).toBe(20 + 58)
    await pass()
    expect(texts()).toEqual([])
    server.unstall()
    await pass()
    expect(texts()).toEqual(['aaaa', 'bbbb', 'cccc', 'dddd', 'ff'])
    expect(connection.stats().queuedBytes).toBe(0)
    expect(connection.send('h')).toBe('taken')
    await pass()
    expect(texts().at(-1)).toBe('h')
  })

  it('writable() resolves when the queue is half empty, at once if it is, and tells why it will not be', async () => {
    const { connection, server, pass } = await stalled({ lanes: { normalBytes: 58 } })
    await connection.writable()
    for (const text of ['aaaa', 'bbbb', 'cccc', 'dddd', 'ff']) connection.send(text)
    expect(connection.send('g')).toBe('full')
    let writable = 0
    void connection.writable().then(() => writable++)
    const tooLate = connection.writable({ timeoutMs: 100 }).catch((error: { code: string }) => error.code)
    await pass(100)
    expect([writable, await tooLate]).toEqual([0, 'ERR_TIMEOUT'])
    server.unstall()
    await pass()
    expect([writable, connection.send('g')]).toEqual([1, 'taken'])
    server.stall()
    for (const text of ['aaaa', 'bbbb', 'cccc', 'dddd', 'eeee']) connection.send(text)
    const ended = connection.writable().catch((error: { code: string }) => error.code)
    server.reset()
    await pass()
    expect(await ended).toBe('ECONNRESET')
    await expect(connection.writable()).rejects.toMatchObject({ code: 'ERR_NOT_OPEN' })
  })

  it('sends strings and writers as text, bytes as binary, and otherwise as told', async () => {
    const { connection, server, pass } = await openConnection()
    connection.send('text')
    connection.send(new Uint8Array([1]))
    connection.send((into) => into.fill(0x61, 0, 3) && 3)
    connection.send('text', { binary: true })
    connection.send(Buffer.from('bytes'), { binary: false })
    connection.send((into) => into.fill(0x62, 0, 2) && 2, { binary: true })
    await pass()
    expect(server.frames.map(({ opcode, payload }) => [opcode, Buffer.from(payload).toString()])).toEqual([
      [1, 'text'],
      [2, '\u0001'],
      [1, 'aaa'],
      [2, 'text'],
      [1, 'bytes'],
      [2, 'bb'],
    ])
  })

  it.each([
    [undefined, /is undefined/],
    [null, /is null; turn it into one/],
    [{ a: 1 }, /is an object \(Object\); turn it into one, with JSON.stringify/],
    [new ArrayBuffer(1), /is an object \(ArrayBuffer\); wrap it in new Uint8Array\(buffer\)/],
    [new DataView(new ArrayBuffer(1)), /wrap it in new Uint8Array\(view.buffer, view.byteOffset, view.byteLength\)/],
    [new Float64Array(1), /wrap it/],
  ])('throws for %s, open or not', async (payload, message) => {
    const { connection, server, pass } = await openConnection()
    const code = expect.objectContaining({ code: 'ERR_PAYLOAD_TYPE' })
    expect(() => connection.send(payload as never)).toThrow(message)
    expect(() => connection.send(payload as never)).toThrow(code)
    expect(() => connection.sendBatch(['a', payload as never])).toThrow(code)
    void connection.close()
    expect(() => connection.send(payload as never)).toThrow(code)
    await pass()
    expect(server.frames.filter(({ opcode }) => opcode < 8)).toEqual([])
  })

  it('lets the exception of a writer through, and nothing of its frame', async () => {
    const { connection, server, pass } = await openConnection()
    const error = new Error('serializer')
    const thrower = () => {
      throw error
    }
    expect(() => connection.send(thrower)).toThrow(error)
    expect(() => connection.sendBatch(['before', thrower, 'never'])).toThrow(error)
    expect(connection.send('after')).toBe('taken')
    await pass()
    expect(server.frames.map((frame) => frame.text())).toEqual(['before', 'after'])
  })

  it.each([
    ['into an empty link is kept and sent', false, ['x', 'small']],
    ['into one that is full waits', true, ['held', 'held', 'x', 'small']],
  ])('from inside a callback, what is larger than the lane, %s; the lane is full then', async (_how, full, sent) => {
    const results: string[] = []
    const { connection, server, pass, texts } = await stalled({
      lanes: { normalBytes: 58 },
      onMessage() {
        if (full) server.stall()
        // Whatever its size; what comes behind it finds the lane full.
        for (const text of ['x'.repeat(1000), 'y']) results.push(connection.send(text))
      },
    })
    if (full) for (let i = 0; i < 2; i++) connection.send('held')
    else server.unstall()
    server.sendText('go')
    await pass()
    expect(results).toEqual(['queued', 'full'])
    server.unstall()
    await pass()
    await pass()
    expect(connection.send('small')).toBe('taken')
    await pass()
    expect(texts().map((text) => text.replace(/x+/, 'x'))).toEqual(sent)
  })

  it('after the end keeps nothing', async () => {
    const { connection, server, pass } = await stalled()
    connection.send('aaaa')
    connection.send('bbbb')
    expect(connection.send('cccc')).toBe('queued')
    server.reset()
    await pass()
    expect(connection.state).toBe('closed')
    expect(connection.send('dddd')).toBe('not-open')
    expect(connection.stats().queuedBytes).toBe(0)
  })
})

describe('sendBatch()', () => {
  it('throws for what is no list, open or not', async () => {
    const { connection } = await openConnection()
    const mistake = expect.objectContaining({
      problems: [{ field: 'sendBatch.payloads', message: 'must be a list of payloads, is a string' }],
    })
    expect(() => connection.sendBatch('text' as never)).toThrow(mistake)
    void connection.close()
    expect(() => connection.sendBatch('text' as never)).toThrow(mistake)
  })

  it('keeps the order and says how many it kept', async () => {
    const { connection, server, pass, texts } = await stalled({ lanes: { normalBytes: 40 } })
    expect(connection.sendBatch(['aaaa', 'bbbb', 'cccc', 'dddd', 'eeee', 'ffff'])).toBe(4)
    expect(connection.sendBatch([])).toBe(0)
    server.unstall()
    await pass()
    expect(texts()).toEqual(['aaaa', 'bbbb', 'cccc', 'dddd'])
    expect(connection.sendBatch(['g', 'h'])).toBe(2)
    await pass()
    expect(texts().slice(4)).toEqual(['g', 'h'])
  })
})

describe('close() with a queue', () => {
  it('sends everything that was accepted, and CLOSE behind it', async () => {
    const { connection, server, clock, pass } = await stalled()
    connection.sendBatch(['aaaa', 'bbbb', 'cccc', 'dddd'])
    const closing = connection.close({ code: 4000 })
    await pass(100)
    expect(connection.state).toBe('closing')
    server.unstall()
    await pass()
    await pass()
    expect((await closing).cause).toMatchObject({ kind: 'local-stop', closeCode: 4000 })
    expect(server.frames.map(({ opcode }) => opcode)).toEqual([1, 1, 1, 1, 8])
    await pass()
    expect(clock.pendingTimers).toBe(0)
  })

  it('gives up when the peer does not take it, within the one timeout', async () => {
    const { connection, clock, pass } = await stalled({ closeTimeoutMs: 300 })
    connection.sendBatch(['aaaa', 'bbbb', 'cccc'])
    const closing = connection.close()
    await pass(299)
    expect(connection.state).toBe('closing')
    await pass(1)
    const { cause } = await closing
    expect(cause).toMatchObject({ kind: 'local-stop', code: 'ERR_CLOSE_TIMEOUT', closeCode: 1006 })
    expect(cause.message).toContain('did not take in time')
    await pass()
    expect(clock.pendingTimers).toBe(0)
  })

  it('spends the rest of the timeout on the handshake, not the whole again', async () => {
    const { connection, server, pass } = await stalled({ closeTimeoutMs: 300 })
    server.answersClose = false
    connection.sendBatch(['aaaa', 'bbbb', 'cccc'])
    void connection.close()
    await pass(200)
    server.unstall()
    await pass(99)
    expect(connection.state).toBe('closing')
    await pass(1)
    expect(connection.state).toBe('closed')
  })

  it('keeps the words of the signal that asked for it', async () => {
    const abort = new AbortController()
    const { connection, pass } = await stalled({ closeTimeoutMs: 300, signal: abort.signal })
    connection.sendBatch(['aaaa', 'bbbb', 'cccc'])
    abort.abort(new Error('enough'))
    await pass(300)
    const { cause } = await connection.closed()
    expect(cause.code).toBe('ERR_ABORTED')
    expect(cause.message).toContain('enough')
  })
})
