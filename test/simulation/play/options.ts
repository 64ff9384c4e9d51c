import type { WebSocketActorOptions } from '../../../src/actor/options.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import type { JsonRpcNotification } from '../../../src/testing/json-rpc-delegated-endpoint.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { WsTransport } from '../../../src/transport/transport.ts'
import { lateReplyIsNews } from '../invariants/late-replies.ts'
import { timesAreTrue } from '../invariants/receive-times.ts'
import type { Life } from '../life.ts'
import { SimEndpoint } from './endpoint.ts'
import { SimIngress } from './ingress.ts'
import type { Setup } from './setup.ts'
import { SimLatency, SimPingPong, SimReconnect, topicsOf } from './strategies.ts'

type Options = WebSocketActorOptions<JsonRpcNotification, string>

/** What one actor is made of: the setup's numbers, hooks that may stumble, and what it shares with those before and after it. */
export function optionsOf(life: Life, transport: WsTransport): Options {
  const { sim, clumsy, evidence } = life
  const { setup } = sim
  const endpoint = new SimEndpoint(life)
  const stumbling = (where: string, connection?: number): Promise<never> | undefined => {
    clumsy.touch(where, connection)
    return clumsy.rejection(where)
  }
  return {
    ...whereTo(life),
    transport,
    timestampSource: setup.timestampSource,
    tls: { validateCerts: false },
    limits: { maxLinkBytes: setup.maxLinkBytes },
    timeouts: { dnsMs: 500, tcpMs: 500, tlsMs: 500, upgradeMs: 800, totalMs: 2000 },
    handler: endpoint,
    subscriptionManager: endpoint,
    subscriptions: life.desired.list(),
    ...(setup.hasIngress ? { ingress: new SimIngress(life) } : {}),
    ...(setup.topicSilentMs === undefined ? {} : topicsOf(life, setup.topicSilentMs)),
    ...(setup.pacing === undefined ? {} : { pacing: { ...setup.pacing, whenOverBudget: setup.whenOverBudget } }),
    ...(setup.latency === undefined ? {} : { latencyPolicy: new SimLatency(life, setup.latency) }),
    reconnect: new SimReconnect(life),
    connectBudget: sim.connectBudget,
    ...(sim.breaker === undefined ? {} : { circuitBreaker: sim.breaker }),
    ...pingPongOf(life, endpoint),
    ...(setup.staleAfterMs === undefined ? {} : { staleAfterMs: setup.staleAfterMs }),
    ...(setup.silentAfterMs === undefined ? {} : { silentAfterMs: setup.silentAfterMs }),
    authTimeoutMs: 1500,
    onReadyTimeoutMs: 1500,
    subscriptionTimeoutMs: setup.subscriptionTimeoutMs,
    stableMs: setup.stableMs,
    disconnectDrainMs: setup.disconnectDrainMs,
    closeTimeoutMs: setup.closeTimeoutMs,
    lanes: { normalBytes: setup.normalBytes, urgentBytes: setup.urgentBytes, keptBytes: setup.keptBytes },
    requests: requestsOf(setup),
    requestIds: {
      next: () => {
        clumsy.stumble('requestIds.next')
        return sim.requestIds.next()
      },
    },
    onStatus: (event) => {
      evidence.status(event)
      return stumbling('onStatus')
    },
    onEvent: (_event, connection) => stumbling('onEvent', connection),
    onBatch: (batch, connection) => {
      batch.at(batch.length - 1).text()
      timesAreTrue(life, batch, connection)
      if (setup.topicsBy === 'plan') {
        for (let i = 0; i < batch.length; i++) evidence.topicData(batch.at(i))
      }
      return stumbling('onBatch', connection)
    },
    onPing: () => stumbling('onPing'),
    onPong: () => stumbling('onPong'),
    onLateReply: (outcome) => {
      lateReplyIsNews(life, outcome)
      return stumbling('onLateReply')
    },
    onHookError: () => {
      evidence.hookErrors++
      return stumbling('onHookError')
    },
    whenHookThrows: setup.whenHookThrows,
    ...(setup.hasMetrics ? { metrics: { report: () => stumbling('metrics.report') }, metricsIntervalMs: 300 } : {}),
    signal: life.aborter.signal,
    clock: life.clock,
    random: SeededRandom.named(setup.seed, `actor ${life.n}`),
  }
}

/** Where to, by values or by functions that are called per attempt. */
function whereTo({ sim, clumsy }: Life): Pick<Options, 'url' | 'headers' | 'subprotocols' | 'proxy' | 'lookup'> {
  const { setup } = sim
  const url = `${setup.tls ? 'wss' : 'ws'}://venue.example/api`
  const provided = <T>(what: string, value: T) => {
    return async (): Promise<T> => {
      clumsy.touch(what)
      const { patienceMs } = clumsy
      if (patienceMs > 5) await sim.pause(patienceMs)
      return clumsy.nonsense(what) ? (7 as never) : value
    }
  }
  return {
    url: setup.urlIsFunction ? provided('url', url) : url,
    ...(setup.providers
      ? {
          headers: provided('headers', { 'X-Key': 'demo' }),
          subprotocols: provided('subprotocols', []),
          proxy: provided('proxy', null),
        }
      : {}),
    lookup: async () => {
      clumsy.touch('lookup')
      if (clumsy.nonsense('lookup')) return 'somewhere' as never
      return Array.from({ length: setup.addresses }, (_, i) => ({ address: `192.0.2.${i + 1}`, family: 4 as const }))
    },
  }
}

function pingPongOf(life: Life, endpoint: SimEndpoint): Pick<Options, 'pingPong'> {
  const { setup } = life.sim
  const { pingIntervalMs: intervalMs, pingTimeoutMs: timeoutMs } = setup
  const isApplication = setup.pingPong === 'application' || setup.heartbeatSeconds !== undefined
  if (setup.pingPong === 'none' && !isApplication) return {}
  const real =
    setup.pingPong === 'protocol'
      ? new ProtocolPingPong({ intervalMs, timeoutMs })
      : endpoint.pingPong({ intervalMs, timeoutMs })
  return { pingPong: new SimPingPong(life, real) }
}

function requestsOf({ maxPending, maxUnresolved, maxSettledIds, settledIdsMs }: Setup): Options['requests'] & {} {
  return { maxPending, maxUnresolved, maxSettledIds, settledIdsMs }
}
