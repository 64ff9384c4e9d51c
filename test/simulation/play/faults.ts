import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { Life } from '../life.ts'
import type { Simulation } from '../simulation.ts'
import type { TlsFate } from '../world/raw-link.ts'
import type { Path } from '../world/socket.ts'
import { Tcp } from '../world/socket.ts'
import type { TcpFate } from '../world/transport.ts'
import { UPGRADE_FAULTS } from './refusals.ts'
import { User } from './user.ts'

const FAULTS = {
  'cut after client bytes': 8,
  'cut after server bytes': 6,
  'drop by the exchange': 3,
  'close by the exchange': 3,
  'half-open silence': 6,
  'slow drip': 2,
  'exchange stalls': 4,
  'pings unanswered': 2,
  'pongs delayed': 3,
  'connect refused': 3,
  'connect into the void': 1,
  'TLS failure': 1,
  'odd upgrade': 5,
  garbage: 3,
  'protocol violation': 1,
  'token expires': 2,
  'topic falls silent': 2,
  'ack revoked': 2,
  'JavaScript stall': 5,
  'monotonic clock jumps': 1,
  'wall clock jumps': 2,
} as const
type Fault = keyof typeof FAULTS

const TLS_CODES = ['DEPTH_ZERO_SELF_SIGNED_CERT', 'ERR_TLS_CERT_ALTNAME_INVALID', 'ERR_SSL_WRONG_VERSION_NUMBER']
const TCP_CODES = ['ECONNREFUSED', 'EHOSTUNREACH', 'ETIMEDOUT', 'ECONNRESET']
const SERVER_NOTICES_MS = 20_000

/** What goes wrong, by chance; and the network on which it does. */
export class Faults {
  readonly #sim: Simulation
  readonly #random: SeededRandom
  readonly #tcpFates: TcpFate[] = []
  readonly #tlsFates: TlsFate[] = []
  #opened = 0

  constructor(sim: Simulation) {
    this.#sim = sim
    this.#random = SeededRandom.named(sim.setup.seed, 'faults')
  }

  get nextMs(): number {
    return -Math.log(1 - this.#random.float()) * this.#sim.setup.faultEveryMs
  }

  /** From now on the network is good, and so is the exchange. */
  calm(): void {
    this.#tcpFates.length = 0
    this.#tlsFates.length = 0
    for (const { end } of this.#sim.venue.sessions.values()) end.tcp.path.drip = undefined
    this.#sim.venue.calm()
  }

  // — the network —

  handshakeMs(): number {
    return 2 * this.#latencyMs()
  }

  /** What becomes of a SYN of this actor's. */
  opening(life: Life): TcpFate {
    const fate = this.#tcpFates.shift()
    if (fate !== undefined) return fate
    const { setup, time, loop } = this.#sim
    const path: Path = {
      latencyMs: () => this.#latencyMs(),
      sendBuffer: setup.sendBuffer,
      receiveBuffer: setup.receiveBuffer,
      drip: undefined,
      blackhole: false,
    }
    const tcp = new Tcp(++this.#opened, path, time, loop)
    this.#sim.opened(tcp, life)
    return { kind: 'opened', tcp, tls: this.#tlsFates.shift() ?? { kind: 'done' } }
  }

  #latencyMs(): number {
    const { latencyMs, jitterMs } = this.#sim.setup
    return latencyMs + this.#random.float() * jitterMs
  }

  // — the faults —

  /** The exchange forgets a subscription. Which one, if there is one. */
  revokeOne(): string | undefined {
    const session = this.#sim.venue.open.at(-1)
    const channel = [...(session?.channels ?? [])].find((name) => !name.startsWith('user.'))
    if (session !== undefined && channel !== undefined) this.#sim.venue.revoke(session, channel)
    return channel
  }

  strike(): void {
    const fault = this.#random.pick(FAULTS)
    const detail = this.#strike(fault)
    if (detail !== undefined) this.#sim.fault(fault, detail)
  }

  /** What happened, for the trace; undefined: there was nothing to do it to. */
  #strike(fault: Fault): string | undefined {
    const random = this.#random
    const { venue, loop } = this.#sim
    const session = venue.open.at(-1)
    const how = random.below(2) === 0 ? 'reset' : 'fin'
    switch (fault) {
      case 'connect refused': {
        const code = TCP_CODES[random.below(TCP_CODES.length)] as string
        for (let i = random.below(3); i >= 0; i--) this.#tcpFates.push({ kind: 'failed', code })
        this.#sometimesDrop()
        return code
      }
      case 'connect into the void':
        this.#tcpFates.push({ kind: 'never' })
        this.#sometimesDrop()
        return 'SYN goes nowhere'
      case 'TLS failure': {
        const code = TLS_CODES[random.below(TLS_CODES.length)] as string
        this.#tlsFates.push(random.below(4) === 0 ? { kind: 'never' } : { kind: 'failed', code })
        this.#sometimesDrop()
        return code
      }
      case 'odd upgrade': {
        const upgrade = UPGRADE_FAULTS[random.below(UPGRADE_FAULTS.length)] as (typeof UPGRADE_FAULTS)[number]
        venue.failUpgrade(upgrade)
        this.#sometimesDrop()
        return upgrade
      }
      case 'JavaScript stall': {
        const ms = 1 + random.below(random.below(4) === 0 ? 5000 : 400)
        this.#sim.later(() => loop.block(ms))
        return `for ${ms} ms`
      }
      case 'monotonic clock jumps': {
        const ms = 1 + random.below(10_000)
        loop.jumped(ms)
        return `by ${ms} ms`
      }
      case 'wall clock jumps': {
        const ms = random.below(20_000) - 10_000
        this.#sim.clock.jumpEpoch(ms * 1000)
        return `by ${ms} ms`
      }
      case 'topic falls silent': {
        const topic = User.channels[random.below(User.channels.length)] as string
        venue.silentTopics.add(topic)
        this.#sim.time.setTimer(200 + random.below(4000), () => venue.silentTopics.delete(topic))
        return topic
      }
      default:
        return session === undefined ? undefined : this.#strikeConnection(fault, how)
    }
  }

  #strikeConnection(fault: Fault, how: 'reset' | 'fin'): string | undefined {
    const random = this.#random
    const { venue, time } = this.#sim
    const session = venue.open.at(-1)
    if (session === undefined) return undefined
    const { end, connection } = session
    const { tcp } = end
    const which = { connection }
    const small = random.below(2) === 0 ? random.below(20) : random.below(600)
    switch (fault) {
      case 'cut after client bytes':
        tcp.cutAfterClientBytes(small, how)
        return `${small} bytes, ${how}`
      case 'cut after server bytes':
        tcp.cutAfterServerBytes(small, how)
        return `${small} bytes, ${how}`
      case 'drop by the exchange':
        venue.core.drop(how === 'reset' ? 'rst' : 'fin', which)
        return how
      case 'close by the exchange': {
        const code = [1000, 1001, 1011, 1012, 4000][random.below(5)] as number
        venue.core.closeConnections({ ...which, code })
        return `${code}`
      }
      case 'half-open silence':
        tcp.vanish(SERVER_NOTICES_MS)
        this.#sim.vanishedUs.set(tcp, time.nowUs)
        return `tcp ${tcp.id}`
      case 'slow drip':
        tcp.path.drip = { bytes: 1 + random.below(40), everyMs: 1 + random.below(20) }
        time.setTimer(200 + random.below(3000), () => {
          tcp.path.drip = undefined
        })
        return `${tcp.path.drip.bytes} bytes every ${tcp.path.drip.everyMs} ms`
      case 'exchange stalls': {
        const what = (['reading', 'sending', 'both'] as const)[random.below(3)] as 'both'
        const forMs = random.below(2500)
        venue.core.stall({ ...which, what, forMs, ...(random.below(3) === 0 ? { thenDrop: 'rst' as const } : {}) })
        return `${what} for ${forMs} ms`
      }
      case 'pings unanswered':
        end.answersPings = false
        return `connection ${connection}`
      case 'pongs delayed':
        end.pongDelayMs = 1 + random.below(random.below(3) === 0 ? 1500 : 200)
        time.setTimer(500 + random.below(6000), () => {
          end.pongDelayMs = 0
        })
        return `by ${end.pongDelayMs} ms`
      case 'garbage':
        venue.core.send(
          ['{"jsonrpc":"2.0","id":', '{"jsonrpc":"2.0","id":"nobody","result":[]}', '[]', 'null', '{"id":{}}'][
            random.below(5)
          ] as string,
          which,
        )
        return `connection ${connection}`
      case 'protocol violation':
        tcp.write(Uint8Array.of(0xff, 0xff))
        return `connection ${connection}`
      case 'ack revoked':
        // Nobody can find out but who watches topics.
        return this.#sim.setup.topicSilentMs === undefined ? undefined : this.revokeOne()
      case 'token expires':
        venue.core.expireTokens(which)
        return `connection ${connection}`
      default:
        return undefined
    }
  }

  /** So that there is another attempt on which the fault can show. */
  #sometimesDrop(): void {
    const session = this.#sim.venue.open.at(-1)
    if (session !== undefined && this.#random.below(2) === 0) {
      this.#sim.venue.core.drop('rst', { connection: session.connection })
    }
  }
}
