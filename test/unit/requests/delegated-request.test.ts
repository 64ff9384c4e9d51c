import { describe, expect, it } from 'vitest'
import { WsConfigError } from '../../../src/errors/errors.ts'
import { prepareRequest, type WsDelegatedRequest } from '../../../src/requests/delegated-request.ts'

const ids = { next: () => 'next' }
const prepare = (request: object) =>
  prepareRequest({ frame: 'x', confirmMode: 'sent', timeoutMs: 1, ...request } as WsDelegatedRequest, ids)
const textOf = (payload: string | Uint8Array): string => Buffer.from(payload as string).toString()

function problemsOf(request: unknown): string[] {
  try {
    prepareRequest(request as WsDelegatedRequest, ids)
  } catch (error) {
    if (error instanceof WsConfigError) return error.problems.map(({ field, message }) => `${field}: ${message}`)
    throw error
  }
  return []
}

describe('a request that makes no sense throws WsConfigError', () => {
  const good = { frame: 'x', confirmMode: 'confirmed', timeoutMs: 100 }

  it.each([
    ['no request', undefined, 'request: must be an object with frame, confirmMode and timeoutMs, is undefined'],
    ['a string', 'buy', 'request: must be an object, is a string'],
    ['null', null, 'request: must be an object, is null'],
    [
      'no frame',
      { ...good, frame: undefined },
      'request.frame: must be a string, a Uint8Array, a function that writes one, or a function of the id that returns one; is undefined',
    ],
    ['an object as frame', { ...good, frame: {} }, /^request\.frame: .*; is an object \(Object\)$/],
    ['no mode', { ...good, confirmMode: undefined }, "request.confirmMode: is missing: say 'sent' or 'confirmed'"],
    ['another mode', { ...good, confirmMode: 'ack' }, `request.confirmMode: must be 'sent' or 'confirmed', is "ack"`],
    [
      'no deadline',
      { ...good, timeoutMs: undefined },
      'request.timeoutMs: is missing: give an integer from 1 to 2147483647; no request waits for ever',
    ],
    ['no time', { ...good, timeoutMs: 0 }, 'request.timeoutMs: must be an integer from 1 to 2147483647, is 0'],
    ['all time', { ...good, timeoutMs: Infinity }, /^request\.timeoutMs: must be an integer .* is Infinity$/],
    ['time to send', { ...good, sendWithinMs: -1 }, /^request\.sendWithinMs: must be an integer from 0 to /],
    ['a number as id', { ...good, requestId: 7 }, /^request\.requestId: .* is 7; ids are text: wrap it in String\(\)$/],
    ['no id', { ...good, requestId: '' }, /^request\.requestId: .* is an empty string$/],
    ['a long id', { ...good, requestId: 'x'.repeat(257) }, /^request\.requestId: .* is a string of 257$/],
    ['no fingerprint', { ...good, fingerprint: '' }, /^request\.fingerprint: must be a string of 1 to 1024/],
    ['a controller', { ...good, signal: new AbortController() }, /^request\.signal: .*; give its \.signal$/],
    ['urgent', { ...good, urgent: 1 }, 'request.urgent: must be true or false, is 1'],
    ['sensitive', { ...good, sensitive: 'yes' }, 'request.sensitive: must be true or false, is a string'],
    ['a slip', { ...good, sendWithin: 5 }, 'request.sendWithin: unknown option; did you mean sendWithinMs?'],
    ['a foreign name', { ...good, timeout: 5 }, 'request.timeout: unknown option; did you mean timeoutMs?'],
    [
      'a frame function that returns nothing',
      { ...good, frame: () => undefined },
      'request.frame: must be a string, a Uint8Array, a function that writes one; the function returned undefined',
    ],
  ])('%s', (_what, request, expected) => {
    const problems = problemsOf(request)
    expect(problems).toHaveLength(1)
    if (typeof expected === 'string') expect(problems[0]).toBe(expected)
    else expect(problems[0]).toMatch(expected)
  })

  it('with every mistake in it at once', () => {
    expect(problemsOf({ urgent: 1, requestId: 7 }).map((problem) => problem.split(':', 1)[0])).toEqual([
      'request.frame',
      'request.requestId',
      'request.confirmMode',
      'request.timeoutMs',
      'request.urgent',
    ])
  })

  it('and its frame function is not called', () => {
    const frame = (): string => {
      throw new Error('called')
    }
    expect(problemsOf({ ...good, frame, timeoutMs: 0 })).toHaveLength(1)
  })
})

describe('a prepared request', () => {
  it('has the given id, or the next one', () => {
    expect(prepare({}).requestId).toBe('next')
    expect(prepare({ requestId: 'mine' }).requestId).toBe('mine')
  })

  it('has what was said, and defaults for the rest', () => {
    const { signal } = new AbortController()
    const said = { confirmMode: 'confirmed', timeoutMs: 5, sendWithinMs: 0, signal, urgent: true, sensitive: true }
    expect(prepare(said)).toMatchObject(said)
    expect(prepare({})).toMatchObject({ sendWithinMs: undefined, signal: undefined, urgent: false, sensitive: false })
  })

  it('sends strings as text', () => {
    expect(prepare({ frame: '{"é":1}' })).toMatchObject({ payload: '{"é":1}', binary: false })
  })

  it('owns a copy of bytes, sent as binary', () => {
    const frame = new Uint8Array([1, 2, 3])
    const { payload, binary } = prepare({ frame })
    frame.fill(9)
    expect([...(payload as Uint8Array)]).toEqual([1, 2, 3])
    expect(binary).toBe(true)
  })

  it('makes the frame from the id, once', () => {
    let calls = 0
    const frame = (id: string): string => `{"id":"${id}","n":${++calls}}`
    expect(prepare({ frame }).payload).toBe('{"id":"next","n":1}')
  })

  it('runs a writer, and a writer made from the id', () => {
    const write = (text: string) => (into: Uint8Array) =>
      into.length < text.length ? -text.length : Buffer.from(into.buffer, into.byteOffset).write(text)
    const long = 'x'.repeat(100_000)
    for (const text of ['hello', long]) {
      for (const frame of [write(text), () => write(text)]) {
        const { payload, binary } = prepare({ frame })
        expect(textOf(payload)).toBe(text)
        expect(binary).toBe(false)
      }
    }
  })

  it('runs a writer that does not look at what it is given', () => {
    const frame = (into: Uint8Array): number => {
      into.set([104, 105])
      return 2
    }
    expect(textOf(prepare({ frame }).payload)).toBe('hi')
  })

  it('throws what a frame function throws', () => {
    const frame = (id: string): string => {
      throw new Error(`no frame for ${id}`)
    }
    expect(() => prepare({ frame })).toThrow('no frame for next')
  })

  it('throws ERR_PAYLOAD_WRITER for a writer that breaks its contract', () => {
    expect(() => prepare({ frame: () => 1e9 })).toThrow(expect.objectContaining({ code: 'ERR_PAYLOAD_WRITER' }))
  })
})

describe('a fingerprint', () => {
  const of = (request: object): string => prepare(request).fingerprint

  it('is the same for the same frame and different for another', () => {
    expect(of({ frame: 'a' })).toBe(of({ frame: (id: string) => (id === 'next' ? 'a' : 'b') }))
    expect(of({ frame: 'a' })).not.toBe(of({ frame: 'b' }))
    expect(of({ frame: 'é' })).toBe(of({ frame: (into: Uint8Array) => Buffer.from(into.buffer).write('é') }))
  })

  it('tells text from binary', () => {
    expect(of({ frame: 'a' })).not.toBe(of({ frame: Buffer.from('a') }))
  })

  it('is the given one whatever the frame, and never meets a hash', () => {
    expect(of({ frame: 'a', fingerprint: 'f' })).toBe(of({ frame: 'b', fingerprint: 'f' }))
    expect(of({ frame: 'a', fingerprint: of({ frame: 'a' }) })).not.toBe(of({ frame: 'a' }))
  })
})

describe('where the place of the id in a frame is known', () => {
  const request = (frame: string): WsDelegatedRequest => ({ frame, confirmMode: 'sent', timeoutMs: 1, requestId: '77' })

  it.each(['{"p":{"id":"77"}}', '{"p":{"id":77}}'])('%s has it', (frame) => {
    expect(prepareRequest(request(frame), ids, 'p.id').payload).toBe(frame)
  })

  it.each(['{"p":{"id":"78"}}', '{"id":"77"}', '{"p":{"id":770}}', 'ping'])('%s throws', (frame) => {
    expect(() => prepareRequest(request(frame), ids, 'p.id')).toThrow(
      expect.objectContaining({ code: 'ERR_REQUEST_ID_NOT_IN_FRAME', message: expect.stringContaining("'p.id'") }),
    )
  })

  it('bytes are looked into as well', () => {
    const frame = Buffer.from('{"id":"77"}')
    expect(prepareRequest({ ...request(''), frame }, ids, 'id').binary).toBe(true)
  })
})
