import { describe, expect, it } from 'vitest'
import { refusalCause } from '../../../src/connect/causes.ts'
import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import { classifyDisconnect, NO_HISTORY, remember } from '../../../src/reconnect/classify.ts'
import {
  localClosed,
  protocolStatus,
  protocolViolation,
  readFailure,
  remoteClosed,
  remoteDropped,
} from '../../../src/transport/end-causes.ts'

const TARGET = { url: 'wss://host.example/', hostPort: 'host.example:443' }
const refused = (status: number, headers: [string, string][] = []): WsDisconnectCause =>
  refusalCause({ status, statusText: '', headers, body: '', bodyTruncated: false }, TARGET)
const byProxy = (code: string, status?: number, headers: [string, string][] = []): WsDisconnectCause => ({
  kind: 'handshake-failed',
  stage: 'proxy',
  code,
  message: '',
  ...(status === undefined ? {} : { http: { status, statusText: '', headers, body: '', bodyTruncated: false } }),
})
const session = (code: string): WsDisconnectCause => ({
  kind: 'session-failed',
  stage: 'authenticate',
  code,
  message: '',
})

/** What the disconnects of a row lead to, each counted in. */
function classifyRow(...causes: WsDisconnectCause[]): string[] {
  let history = NO_HISTORY
  return causes.map((cause) => {
    history = remember(history, cause)
    const action = classifyDisconnect(cause, history)
    if (action.kind !== 'backoff-reconnect') return action.kind
    const { minDelayMs = 0, jitterMs = 0 } = action
    const alarm = action.alarm === true ? ', alarm' : ''
    return `backoff ${minDelayMs}${jitterMs === 0 ? '' : `–${minDelayMs + jitterMs}`}${alarm}`
  })
}

describe('the default classification', () => {
  const table: [string, WsDisconnectCause[], string[]][] = [
    ['our own stop', [localClosed(1000, '')], ['abort']],
    [
      'normal and going-away closes',
      [1000, 1001, 1012, 1005, 4006].map((c) => remoteClosed(c, '')),
      Array(5).fill('backoff 0'),
    ],
    ['drops and resets', [remoteDropped(), readFailure('ECONNRESET', '')], ['backoff 0', 'backoff 0']],
    ['1008, three times', Array(3).fill(remoteClosed(1008, '')), ['backoff 30000', 'backoff 30000', 'abort']],
    [
      'what the venue faults of what we asked for, which a replay would ask for again',
      [4002, 4008, 4009].map((c) => remoteClosed(c, '')),
      ['backoff 30000', 'backoff 30000', 'abort'],
    ],
    ['4003, and 1008', [remoteClosed(4003, ''), remoteClosed(1008, '')], ['backoff 30000', 'backoff 30000']],
    [
      'a login that failed, and a key that was changed',
      [4001, 4007].map((c) => remoteClosed(c, '')),
      ['backoff 0', 'abort'],
    ],
    [
      'our heartbeat, and our slowness',
      [4004, 4005].map((c) => remoteClosed(c, '')),
      Array(2).fill('backoff 0, alarm'),
    ],
    ['1009 of the server', [remoteClosed(1009, '')], ['abort']],
    ['1009 of ours', [protocolViolation(protocolStatus('ERR_WS_MESSAGE_TOO_LARGE'))], ['abort']],
    ['another violation', [protocolViolation(protocolStatus('ERR_WS_MASKED_FRAME'))], ['backoff 0']],
    ['401', [refused(401), refused(401)], ['backoff 0', 'abort']],
    ['refused credentials', [session('ERR_AUTH_REFUSED'), session('ERR_AUTH_REFUSED')], ['backoff 0', 'abort']],
    ['401 and then refused credentials', [refused(401), session('ERR_AUTH_REFUSED')], ['backoff 0', 'abort']],
    ['authentication that fails otherwise', Array(3).fill(session('ERR_AUTH_TIMEOUT')), Array(3).fill('backoff 0')],
    ['407 of something on the way', [refused(407), refused(407)], ['backoff 0', 'abort']],
    [
      'credentials that a proxy wants or refuses',
      [byProxy('ERR_PROXY_AUTH_REQUIRED', 407), byProxy('ERR_PROXY_AUTH_REFUSED')],
      ['backoff 0', 'abort'],
    ],
    [
      'what a proxy refuses otherwise: its statuses are not those of the server',
      [401, 403, 429, 451, 502].map((status) => byProxy('ERR_PROXY_REFUSED', status)),
      Array(5).fill('backoff 0'),
    ],
    ['a proxy with Retry-After', [byProxy('ERR_PROXY_REFUSED', 503, [['Retry-After', '9']])], ['backoff 9000']],
    [
      'a proxy that fails',
      [byProxy('ERR_PROXY_TIMEOUT'), byProxy('ERR_SOCKS_NOT_ALLOWED')],
      Array(2).fill('backoff 0'),
    ],
    ['403 and 451', [refused(403), refused(451)], Array(2).fill('backoff 600000–900000, alarm')],
    [
      '429 and 418',
      [refused(429), refused(418), refused(429), refused(429), refused(429), refused(429)],
      [60, 120, 240, 480, 900, 900].map((s) => `backoff ${s}000`),
    ],
    ['429 with Retry-After', [refused(429, [['retry-after', '7']])], ['backoff 7000']],
    [
      '429 with a date, from the moment of the answer',
      [
        refused(429, [
          ['Date', 'Wed, 21 Oct 2015 07:27:30 GMT'],
          ['Retry-After', 'Wed, 21 Oct 2015 07:28:00 GMT'],
        ]),
      ],
      ['backoff 30000'],
    ],
    [
      '429 with a date that is past, or from no moment that is known',
      [
        refused(429, [
          ['Date', 'Wed, 21 Oct 2015 07:28:30 GMT'],
          ['Retry-After', 'Wed, 21 Oct 2015 07:28:00 GMT'],
        ]),
        refused(429, [['Retry-After', 'Wed, 21 Oct 2015 07:28:00 GMT']]),
        refused(429, [['Retry-After', 'soon']]),
      ],
      ['backoff 60000', 'backoff 120000', 'backoff 240000'],
    ],
    ['429 with a year', [refused(429, [['Retry-After', '31536000']])], ['backoff 86400000']],
    ['503 with Retry-After', [refused(503, [['Retry-After', '3']])], ['backoff 3000']],
    ['other refusals', [refused(404), refused(500)], ['backoff 0', 'backoff 0']],
    [
      'another connection wanted',
      [{ kind: 'reconnect-requested', code: 'X', message: '', by: 'user' }],
      ['immediate-reconnect'],
    ],
    [
      'an error of the venue that the handler would not have',
      [{ kind: 'server-error', code: 'X', message: '', serverMessage: '' }],
      ['immediate-reconnect'],
    ],
    ['silence', [{ kind: 'went-silent', code: 'X', message: '', silentForMs: 1 }], ['backoff 0']],
    ['a defect', [{ kind: 'internal-error', code: 'X', message: '', context: '' }], ['backoff 0']],
  ]
  it.each(table)('%s', (_, causes, actions) => {
    expect(classifyRow(...causes)).toEqual(actions)
  })

  it('says why it stops', () => {
    const { reason } = classifyDisconnect(remoteClosed(1009, ''), NO_HISTORY) as { reason: string }
    expect(reason).toContain('1009')
  })
})
