import { type ExchangeOrder, orderData } from './orders.ts'
import {
  INVALID_CREDENTIALS,
  invalidParams,
  METHOD_NOT_FOUND,
  NOT_ENOUGH_FUNDS,
  NOT_OPEN_ORDER,
  ORDER_NOT_FOUND,
  type RpcAnswer,
  type RpcCall,
  type RpcError,
  tooManyRequests,
  UNAUTHORIZED,
} from './rpc.ts'
import type { Session } from './session.ts'

/** What to answer; undefined for what has been answered already, or never will be. */
type Method = (session: Session, call: RpcCall) => RpcAnswer | undefined

/** How long `too_many_requests` asks to wait, s. */
const RATE_LIMIT_WAIT_S = 0.25
const MAX_CHANNELS_PER_CALL = 500
const BAD_CHANNELS: RpcError = invalidParams('channels', `must be at most ${MAX_CHANNELS_PER_CALL} strings`)

const METHODS: Readonly<Record<string, Method>> = {
  'public/auth': authenticate,
  'public/test': (session) => {
    session.testAnswered()
    return { result: { version: '1.2.26' } }
  },
  'public/set_heartbeat': setHeartbeat,
  'public/disable_heartbeat': (session) => {
    session.setHeartbeat(undefined)
    return { result: 'ok' }
  },
  'public/subscribe': subscribe,
  'public/unsubscribe': unsubscribe,
  'private/subscribe': subscribe,
  'private/unsubscribe': unsubscribe,
  'private/buy': placeOrder,
  'private/sell': placeOrder,
  'private/cancel': cancelOrder,
  'private/get_order_state_by_label': orderStateByLabel,
}

export function answerCall(session: Session, call: RpcCall): void {
  const method = Object.hasOwn(METHODS, call.method) ? METHODS[call.method] : undefined
  if (method === undefined) {
    session.reply(call, { error: METHOD_NOT_FOUND })
  } else if (call.method.startsWith('private/') && session.auth !== 'granted') {
    if (session.auth === 'expired' && session.host.options.whenTokenExpires === 'silent') return
    session.reply(call, { error: UNAUTHORIZED })
  } else {
    const answer = method(session, call)
    if (answer !== undefined) session.reply(call, answer)
  }
}

function authenticate(session: Session, call: RpcCall): RpcAnswer | undefined {
  const { options } = session.host
  const { grant_type: grant, client_id: id, client_secret: secret, refresh_token: refresh, scope } = call.params
  const { clientId, clientSecret } = options.credentials
  const good =
    (grant === 'client_credentials' && id === clientId && secret === clientSecret) ||
    (grant === 'refresh_token' && refresh === refreshToken(clientId))
  if (!good) {
    session.host.log({ kind: 'auth', connection: session.connection, state: 'refused' })
    return { error: INVALID_CREDENTIALS }
  }
  session.grantToken()
  return {
    result: {
      access_token: `access.${clientId}.${session.connection}`,
      refresh_token: refreshToken(clientId),
      expires_in: options.tokenSeconds,
      scope: typeof scope === 'string' ? scope : 'connection mainaccount',
      token_type: 'bearer',
    },
  }
}

function refreshToken(clientId: string): string {
  return `refresh.${clientId}`
}

function setHeartbeat(session: Session, call: RpcCall): RpcAnswer | undefined {
  const { interval } = call.params
  const min = session.host.options.minHeartbeatSeconds
  if (typeof interval !== 'number' || !(interval >= min && interval <= 3600)) {
    return { error: invalidParams('interval', `must be a number of seconds from ${min} to 3600`) }
  }
  session.setHeartbeat(interval)
  return { result: 'ok' }
}

/** Answers with what is subscribed now; channels that do not exist, or need a token, are silently left out. */
function subscribe(session: Session, call: RpcCall): RpcAnswer | undefined {
  const channels = readChannels(call)
  if (channels === undefined) return { error: BAD_CHANNELS }
  const possible = [...new Set(channels)].filter((channel) => maySubscribe(session, call, channel))
  const added = possible.filter((channel) => !session.channels.has(channel))
  for (const channel of added) {
    session.channels.add(channel)
    session.host.subscribe(session, channel)
  }
  session.host.log({ kind: 'subscribed', connection: session.connection, channels: [...session.channels] })
  session.reply(call, { result: possible })
  const nowMs = Math.round(session.host.clock.epochUs() / 1000)
  for (const channel of added) {
    const [kind, name] = channel.split('.') as [string, string]
    const instrument = session.host.instruments.get(name)
    if (kind === 'book' && instrument !== undefined) session.notify(channel, instrument.snapshotData(nowMs))
    if (kind === 'ticker' && instrument !== undefined) session.notify(channel, instrument.tickerData(nowMs))
  }
  return undefined
}

function unsubscribe(session: Session, call: RpcCall): RpcAnswer | undefined {
  const channels = readChannels(call)
  if (channels === undefined) return { error: BAD_CHANNELS }
  const removed = [...new Set(channels)].filter((channel) => session.channels.delete(channel))
  for (const channel of removed) session.host.unsubscribe(session, channel)
  session.host.log({ kind: 'subscribed', connection: session.connection, channels: [...session.channels] })
  return { result: removed }
}

function readChannels({ params: { channels } }: RpcCall): readonly string[] | undefined {
  const good =
    Array.isArray(channels) &&
    channels.length <= MAX_CHANNELS_PER_CALL &&
    channels.every((channel) => typeof channel === 'string')
  return good ? (channels as string[]) : undefined
}

function maySubscribe(session: Session, call: RpcCall, channel: string): boolean {
  const isPrivate = call.method.startsWith('private/')
  const parts = channel.split('.')
  if (parts[0] === 'user') {
    const [, topic, name = '', interval] = parts
    return isPrivate && topic === 'orders' && interval === 'raw' && parts.length === 4 && isInstrument(session, name)
  }
  const [kind, name = '', interval = ''] = parts
  if (parts.length !== 3 || !(kind === 'ticker' || kind === 'book') || !isInstrument(session, name)) return false
  return interval === '100ms' || interval === 'agg2' || (interval === 'raw' && session.auth === 'granted')
}

function isInstrument(session: Session, name: string): boolean {
  return session.host.instruments.has(name)
}

function placeOrder(session: Session, call: RpcCall): RpcAnswer | undefined {
  const { instrument_name: name, amount, type = 'limit', price, label = '' } = call.params
  const { host } = session
  const instrument = typeof name === 'string' ? host.instruments.get(name) : undefined
  if (instrument === undefined) return { error: invalidParams('instrument_name', 'no such instrument') }
  if (typeof amount !== 'number' || !(amount > 0)) return { error: invalidParams('amount', 'must be above 0') }
  if (type !== 'limit' && type !== 'market') return { error: invalidParams('type', 'must be limit or market') }
  if (typeof label !== 'string' || label.length > 64) {
    return { error: invalidParams('label', 'must be a string of at most 64 characters') }
  }
  if (type === 'limit' && !(typeof price === 'number' && price > 0)) {
    return { error: invalidParams('price', 'must be above 0') }
  }

  const direction = call.method === 'private/buy' ? 'buy' : 'sell'
  const crosses = direction === 'buy' ? instrument.bestAsk <= Number(price) : instrument.bestBid >= Number(price)
  const natural = type === 'market' || crosses ? 'filled' : 'open'
  const fate = host.fates.of(label)
  if (fate === 'rejected') return { error: NOT_ENOUGH_FUNDS }
  if (fate === 'rate-limited') return { error: tooManyRequests(RATE_LIMIT_WAIT_S) }
  if (fate === 'ignored') return undefined
  const order = host.orders.take({
    label,
    instrument: instrument.name,
    direction,
    type,
    amount,
    price: type === 'limit' ? (price as number) : undefined,
    createdMs: Math.round(host.clock.epochUs() / 1000),
    state: fate === 'filled' || fate === 'open' ? fate : natural,
  })
  tellOrder(session, call, order)
  const answer = { result: { order: orderData(order), trades: [] } }
  if (fate === 'late') session.later(host.options.lateMs, () => session.reply(call, answer))
  else if (fate === 'dropped') session.drop('rst')
  if (fate === 'late' || fate === 'dropped' || fate === 'never') return undefined
  if (fate === 'answered-twice') session.reply(call, answer)
  return answer
}

function cancelOrder(session: Session, call: RpcCall): RpcAnswer | undefined {
  const { order_id: orderId } = call.params
  const order = typeof orderId === 'string' ? session.host.orders.get(orderId) : undefined
  if (order === undefined) return { error: ORDER_NOT_FOUND }
  if (order.state !== 'open') return { error: NOT_OPEN_ORDER }
  order.state = 'cancelled'
  tellOrder(session, call, order)
  return { result: orderData(order) }
}

function orderStateByLabel(session: Session, call: RpcCall): RpcAnswer | undefined {
  const { currency, label } = call.params
  if (typeof currency !== 'string') return { error: invalidParams('currency', 'must be a string such as BTC') }
  if (typeof label !== 'string') return { error: invalidParams('label', 'must be a string') }
  const found = session.host.orders.labelled(label).filter(({ instrument }) => instrument.startsWith(`${currency}-`))
  return { result: found.map(orderData) }
}

function tellOrder(session: Session, call: RpcCall, order: ExchangeOrder): void {
  const { orderId, label, state } = order
  session.host.log({ kind: 'order', connection: session.connection, id: String(call.id), orderId, label, state })
  session.host.publish(`user.orders.${order.instrument}.raw`, orderData(order))
}
