import type { SeededRandom } from '../../../src/testing/seeded-random.ts'

export const UPGRADE_FAULTS = [
  '401',
  '403',
  '429',
  '429 with Retry-After',
  '503',
  '503 with Retry-After',
  '302',
  'garbage',
  'wrong accept',
  'cut',
  'silence',
] as const
export type UpgradeFault = (typeof UPGRADE_FAULTS)[number]

const BODY = '{"error":"refused on purpose"}'

/** The bytes of an answer that is no switch of protocols. */
export function refusalOf(fault: UpgradeFault, random: SeededRandom): { bytes: Buffer; thenEnd: boolean } {
  const http = (status: number, extra = ''): { bytes: Buffer; thenEnd: boolean } => ({
    bytes: Buffer.from(`HTTP/1.1 ${status} No\r\nContent-Length: ${BODY.length}\r\n${extra}\r\n${BODY}`),
    thenEnd: random.below(2) === 0,
  })
  switch (fault) {
    case '429 with Retry-After':
      return http(429, `Retry-After: ${1 + random.below(5)}\r\n`)
    case '503 with Retry-After':
      return http(503, `Retry-After: ${random.below(3)}\r\n`)
    case '302':
      return http(302, 'Location: https://elsewhere.example/\r\n')
    case 'garbage':
      return { bytes: Buffer.from(random.bytes(1 + random.below(200))), thenEnd: true }
    case 'wrong accept':
      return {
        bytes: Buffer.from(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n',
        ),
        thenEnd: false,
      }
    case 'cut': {
      const { bytes } = http(503)
      return { bytes: bytes.subarray(0, random.below(bytes.length)), thenEnd: true }
    }
    default:
      return http(Number.parseInt(fault, 10))
  }
}
