import type { WsIngress, WsIngressSink, WsIngressVerdict } from '../../../src/ingress/ingress.ts'
import type { WsFrame } from '../../../src/transport/frame.ts'
import type { Life } from '../life.ts'

/** Sees every frame that is no reply, heartbeat or subscription answer, forwards most and emits some. */
export class SimIngress implements WsIngress<string> {
  readonly #life: Life

  constructor(life: Life) {
    this.#life = life
  }

  onFrame(frame: WsFrame, sink: WsIngressSink<string>): WsIngressVerdict {
    const text = frame.text()
    this.#life.evidence.data(text)
    this.#life.evidence.holes.seen(text, sink)
    this.#life.clumsy.touch('ingress.onFrame')
    if (this.#life.clumsy.nonsense('ingress.onFrame')) return 'perhaps' as never
    const verdict = this.#leaves()
    if (verdict !== undefined) return verdict
    if (!text.includes('"ticker.')) return 'forward'
    sink.emit(text)
    return this.#life.clumsy.oneOf('emit', 'forward', 'ignore')
  }

  /** Has had enough of this connection, or of all of it. */
  #leaves(): 'reconnect' | 'shutdown' | undefined {
    const { sim, clumsy } = this.#life
    if (!sim.isChaotic || !clumsy.one(2000)) return undefined
    if (sim.setup.ends === 0 || clumsy.one(2)) return 'reconnect'
    sim.user.wantsEnd(this.#life, 'shutdown')
    sim.trace.add('ingress.onFrame says shutdown')
    return 'shutdown'
  }

  onOpen(connection: number): void {
    this.#life.clumsy.touch('ingress.onOpen', connection)
  }

  onGap(connection: number): void {
    this.#life.evidence.gapTold(connection)
    this.#life.clumsy.touch('ingress.onGap')
  }
}
