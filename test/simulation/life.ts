import { WebSocketActor } from '../../src/actor/websocket-actor.ts'
import type { JsonRpcNotification } from '../../src/testing/json-rpc-delegated-endpoint.ts'
import { Desired } from './desired.ts'
import { Ends } from './ends.ts'
import { Evidence } from './evidence.ts'
import { keepsThePace } from './invariants/pace.ts'
import { Clumsiness } from './play/clumsiness.ts'
import { optionsOf } from './play/options.ts'
import type { Simulation } from './simulation.ts'
import { TimedSendsOf } from './timed.ts'
import { CountedClock } from './world/time.ts'
import { SimTransport } from './world/transport.ts'

/** One actor of the world, from its making to long after its end, and all that is known of it. */
export class Life {
  readonly sim: Simulation
  /** 1, 2, …: which actor of the world it is. */
  readonly n: number
  readonly clock: CountedClock
  readonly evidence: Evidence
  readonly ends: Ends
  readonly desired: Desired
  readonly clumsy: Clumsiness
  readonly timed: TimedSendsOf
  /** Its signal is given to the actor. */
  readonly aborter = new AbortController()
  readonly actor: WebSocketActor<JsonRpcNotification, string>
  /** Promises of `ready`, `ping` and their like that have not settled. */
  waits = 0

  /** `desired`: what the user wants from the start. */
  constructor(sim: Simulation, n: number, desired: readonly string[]) {
    this.sim = sim
    this.n = n
    this.clock = new CountedClock(sim.clock)
    this.evidence = new Evidence(this)
    this.ends = new Ends()
    this.desired = new Desired(desired)
    this.clumsy = new Clumsiness(this)
    this.timed = new TimedSendsOf(this)
    const { tampering, setup, time, loop, faults } = sim
    const network = {
      handshakeMs: () => faults.handshakeMs(),
      opening: () => faults.opening(this),
    }
    const transport = new SimTransport(setup.flavour, time, loop, network, {
      connecting: (link) => this.evidence.connecting(link),
      began: (payload) => this.evidence.began(payload.toString()),
      offered: (kind) => {
        if (kind === 'ping') this.evidence.pings++
        keepsThePace(this, kind)
      },
      taken: (payload) => this.evidence.taken(payload.toString()),
    })
    const options = optionsOf(this, tampering.transport?.(transport, sim) ?? transport)
    this.actor = new WebSocketActor(tampering.options?.(options, this) ?? options)
  }

  /** It has said that it has stopped. */
  get isOver(): boolean {
    return this.evidence.stopped !== undefined
  }
}
