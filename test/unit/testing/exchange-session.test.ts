import { describe, expect, it, test } from 'vitest'
import { LOGIN, MemoryExchange } from '../../support/memory-exchange.ts'

describe('JSON-RPC', () => {
  it.each([
    ['malformed JSON', '{"id":1', null, -32700],
    ['a batch', '[]', null, -32600],
    ['no id', '{"jsonrpc":"2.0","method":"public/test"}', null, -32600],
    ['an id beyond 2^53', '{"id":12345678901234567890,"method":"public/test"}', null, -32600],
    ['no method', '{"id":5}', 5, -32600],
    ['positional parameters', '{"id":5,"method":"public/test","params":[1]}', 5, -32602],
    ['an unknown method', '{"id":"x","method":"public/nothing"}', 'x', -32601],
    ['a method of Object.prototype', '{"id":"x","method":"constructor"}', 'x', -32601],
  ])('%s', (_what, text, id, code) => {
    const client = new MemoryExchange().connect()
    client.sendText(text)
    expect(client.received).toEqual([expect.objectContaining({ id, error: expect.objectContaining({ code }) })])
  })

  it('echoes ids as they came, and logs them as text', () => {
    const exchange = new MemoryExchange()
    const client = exchange.connect()
    client.call('public/test', {}, 7)
    client.call('public/test', {}, '7')
    expect(client.received.map(({ id }) => id)).toEqual([7, '7'])
    expect(exchange.log().filter((entry) => entry.kind === 'reply')).toMatchObject([{ id: '7' }, { id: '7' }])
  })
})

describe('authentication', () => {
  it('grants a token for the credentials, and for its refresh token', () => {
    const client = new MemoryExchange({ tokenSeconds: 60 }).connectAuthenticated()
    const [first] = client.answers('auth')
    expect(first).toMatchObject({ result: { expires_in: 60, token_type: 'bearer' } })
    const { refresh_token } = (first as { result: { refresh_token: string } }).result
    client.call('public/auth', { grant_type: 'refresh_token', refresh_token }, 'again')
    expect(client.answers('again')).toMatchObject([{ result: { expires_in: 60 } }])
  })

  it.each([
    { ...LOGIN, client_secret: 'wrong' },
    { ...LOGIN, grant_type: 'password' },
    { grant_type: 'refresh_token', refresh_token: 'x' },
    {},
  ])('refuses %o', (params) => {
    const exchange = new MemoryExchange()
    const client = exchange.connect()
    client.call('public/auth', params, 1)
    client.call('private/cancel', { order_id: 'x' }, 2)
    expect(client.answers(1)).toMatchObject([{ error: { code: 13004 } }])
    expect(client.answers(2)).toMatchObject([{ error: { code: 13009 } }])
    expect(exchange.log()).toContainEqual(expect.objectContaining({ kind: 'auth', state: 'refused' }))
  })

  test('a token ends when its time is up, not before, and a refresh begins anew', () => {
    const exchange = new MemoryExchange({ tokenSeconds: 10 })
    const client = exchange.connectAuthenticated()
    const probe = (id: number): unknown => {
      client.call('private/get_order_state_by_label', { currency: 'BTC', label: 'x' }, id)
      return client.answers(id)[0]
    }
    exchange.clock.advance(9_999)
    expect(probe(1)).toMatchObject({ result: [] })
    client.call('public/auth', LOGIN, 'refresh')
    exchange.clock.advance(9_999)
    expect(probe(2)).toMatchObject({ result: [] })
    exchange.clock.advance(1)
    expect(probe(3)).toMatchObject({ error: { code: 13009 } })
    expect(exchange.log()).toContainEqual(expect.objectContaining({ kind: 'auth', state: 'expired' }))
  })

  test('silent: no answer, and no effect', () => {
    const exchange = new MemoryExchange({ tokenSeconds: 1, whenTokenExpires: 'silent' })
    const client = exchange.connectAuthenticated()
    exchange.clock.advance(1000)
    client.call('private/buy', { instrument_name: 'BTC-PERPETUAL', amount: 1, type: 'market', label: 'a' }, 1)
    client.call('public/test', {}, 2)
    expect(client.answers(1)).toEqual([])
    expect(client.answers(2)).toHaveLength(1)
    expect(exchange.orders.labelled('a')).toEqual([])
  })

  test('close: 3000', () => {
    const exchange = new MemoryExchange({ tokenSeconds: 1, whenTokenExpires: 'close' })
    const client = exchange.connectAuthenticated()
    exchange.clock.advance(1000)
    expect(client.ended).toBe('close 3000 token expired')
    expect(exchange.clock.pendingTimers).toBe(0)
  })
})

describe('heartbeat', () => {
  it('beats, asks, and drops who does not answer until the next beat', () => {
    const exchange = new MemoryExchange({ minHeartbeatSeconds: 2 })
    const client = exchange.connect()
    client.call('public/set_heartbeat', { interval: 1 }, 1)
    client.call('public/set_heartbeat', { interval: 2 }, 2)
    expect(client.answers(1)).toMatchObject([{ error: { code: -32602 } }])
    expect(client.answers(2)).toMatchObject([{ result: 'ok' }])
    exchange.clock.advance(2000)
    expect(client.received.slice(2)).toMatchObject([
      { method: 'heartbeat', params: { type: 'heartbeat' } },
      { method: 'heartbeat', params: { type: 'test_request' } },
    ])
    client.call('public/test', {}, 3)
    exchange.clock.advance(2000)
    expect(client.ended).toBeUndefined()
    exchange.clock.advance(2000)
    expect(client.ended).toBe('fin')
    expect(exchange.log()).toContainEqual(expect.objectContaining({ kind: 'fault', fault: 'heartbeat-unanswered' }))
  })

  it('can be disabled', () => {
    const exchange = new MemoryExchange()
    const client = exchange.connect()
    client.call('public/set_heartbeat', { interval: 10 })
    client.call('public/disable_heartbeat')
    exchange.clock.advance(100_000)
    expect(client.received).toHaveLength(2)
    expect(client.ended).toBeUndefined()
  })
})

describe('subscriptions', () => {
  it('answers with those that succeeded, then a snapshot each, and leaves the rest out', () => {
    const exchange = new MemoryExchange()
    const client = exchange.connect()
    const good = ['book.BTC-PERPETUAL.100ms', 'ticker.ETH-PERPETUAL.agg2']
    const bad = [
      'book.DOGE.100ms',
      'ticker.BTC-PERPETUAL.1s',
      'ticker.BTC-PERPETUAL.raw',
      'user.orders.BTC-PERPETUAL.raw',
    ]
    client.call('public/subscribe', { channels: [...bad, ...good, good[0]] }, 1)
    expect(client.answers(1)).toMatchObject([{ result: good }])
    expect(client.data(good[0] as string)).toMatchObject([{ type: 'snapshot', bids: expect.any(Array) }])
    expect(client.data(good[1] as string)).toMatchObject([{ instrument_name: 'ETH-PERPETUAL' }])
    client.call('public/subscribe', { channels: good }, 2)
    expect(client.answers(2)).toMatchObject([{ result: good }])
    expect(client.data(good[0] as string)).toHaveLength(1)
    expect(exchange.log()).toContainEqual(expect.objectContaining({ kind: 'subscribed', channels: good }))
  })

  it('takes private and raw channels with a token', () => {
    const client = new MemoryExchange().connectAuthenticated()
    const channels = ['user.orders.BTC-PERPETUAL.raw', 'book.BTC-PERPETUAL.raw']
    client.call('public/subscribe', { channels }, 1)
    client.call('private/subscribe', { channels }, 2)
    expect(client.answers(1)).toMatchObject([{ result: [channels[1]] }])
    expect(client.answers(2)).toMatchObject([{ result: channels }])
    client.call('private/buy', { instrument_name: 'BTC-PERPETUAL', amount: 1, type: 'market' })
    expect(client.data(channels[0] as string)).toMatchObject([{ order_state: 'filled' }])
  })

  it('unsubscribes: nothing more comes, and only what was there is named', () => {
    const exchange = new MemoryExchange({ rate: 1000 })
    const client = exchange.connect()
    const channels = ['ticker.BTC-PERPETUAL.100ms']
    client.call('public/subscribe', { channels })
    client.call('public/unsubscribe', { channels: [...channels, 'ticker.ETH-PERPETUAL.100ms'] }, 'u')
    expect(client.answers('u')).toMatchObject([{ result: channels }])
    const before = client.received.length
    exchange.clock.advance(100)
    expect(client.received).toHaveLength(before)
  })

  it.each([undefined, 'x', [1], Array.from({ length: 501 }, String)])('refuses channels %o', (channels) => {
    const client = new MemoryExchange().connect()
    client.call('public/subscribe', { channels }, 1)
    expect(client.answers(1)).toMatchObject([{ error: { code: -32602, data: { param: 'channels' } } }])
  })
})

describe('orders', () => {
  const order = { instrument_name: 'BTC-PERPETUAL', amount: 10, type: 'limit', price: 1 }

  function place(label: string, params: object = order): { exchange: MemoryExchange; answers: () => unknown[] } {
    const exchange = new MemoryExchange({ lateMs: 500 })
    const client = exchange.connectAuthenticated()
    client.call('private/buy', { ...params, label }, 'o')
    return { exchange, answers: () => client.answers('o') }
  }

  it.each([
    ['a far limit is open', order, 'open'],
    ['a crossing limit is filled', { ...order, price: 1e9 }, 'filled'],
    ['a market order is filled', { ...order, type: 'market' }, 'filled'],
  ])('left to the market, %s', (_what, params, state) => {
    expect(place('q', params).answers()).toMatchObject([{ result: { order: { order_state: state, label: 'q' } } }])
  })

  it.each([
    ['filled', 1, 'filled', undefined],
    ['open', 1, 'open', undefined],
    ['rejected', 1, undefined, 10009],
    ['rate-limited', 1, undefined, 10028],
    ['answered-twice', 2, 'open', undefined],
    ['late', 0, 'open', undefined],
    ['never', 0, 'open', undefined],
    ['ignored', 0, undefined, undefined],
    ['dropped', 0, 'open', undefined],
  ])('the label says %s', (fate, count, state, code) => {
    const { exchange, answers } = place(`${fate}-1`)
    expect(answers()).toHaveLength(count)
    for (const answer of answers()) {
      expect(answer).toMatchObject(
        code === undefined ? { result: { order: { order_state: state } } } : { error: { code } },
      )
    }
    expect(exchange.orders.labelled(`${fate}-1`).map((taken) => taken.state)).toEqual(
      state === undefined ? [] : [state],
    )
    const replies = exchange.log().filter((entry) => entry.kind === 'reply' && entry.id === 'o')
    expect(replies).toHaveLength(count)
    exchange.clock.advance(500)
    expect(answers()).toHaveLength(fate === 'late' ? 1 : count)
  })

  it('says how long to wait', () => {
    expect(place('rate-limited-1').answers()).toMatchObject([{ error: { data: { wait: expect.any(Number) } } }])
  })

  it('a fate that was set goes before the label', () => {
    const exchange = new MemoryExchange()
    const client = exchange.connectAuthenticated()
    exchange.setFate('never-1', 'rejected')
    client.call('private/sell', { ...order, label: 'never-1' }, 1)
    expect(client.answers(1)).toMatchObject([{ error: { code: 10009 } }])
    expect(() => exchange.setFate('x', 'nonsense' as never)).toThrow(/setFate: fate must be one of filled/)
  })

  it.each([
    ['instrument_name', { ...order, instrument_name: 'X' }],
    ['amount', { ...order, amount: 0 }],
    ['type', { ...order, type: 'stop' }],
    ['price', { ...order, price: undefined }],
    ['label', { ...order, label: 'x'.repeat(65) }],
  ])('refuses a bad %s', (param, params) => {
    const client = new MemoryExchange().connectAuthenticated()
    client.call('private/buy', params, 1)
    expect(client.answers(1)).toMatchObject([{ error: { code: -32602, data: { param } } }])
  })

  it('cancels what is open, once', () => {
    const client = new MemoryExchange().connectAuthenticated()
    client.call('private/buy', { ...order, label: 'a' }, 1)
    const [answer] = client.answers(1) as { result: { order: { order_id: string } } }[]
    const order_id = answer?.result.order.order_id
    client.call('private/cancel', { order_id }, 2)
    client.call('private/cancel', { order_id }, 3)
    client.call('private/cancel', { order_id: 'nothing' }, 4)
    expect(client.answers(2)).toMatchObject([{ result: { order_state: 'cancelled' } }])
    expect(client.answers(3)).toMatchObject([{ error: { code: 11044 } }])
    expect(client.answers(4)).toMatchObject([{ error: { code: 10004 } }])
  })

  it('tells the state of every order with a label, on any connection', () => {
    const exchange = new MemoryExchange()
    const first = exchange.connectAuthenticated()
    first.call('private/buy', { ...order, label: 'dropped-1' }, 1)
    expect(first.ended).toBe('rst')
    const second = exchange.connectAuthenticated()
    second.call('private/get_order_state_by_label', { currency: 'BTC', label: 'dropped-1' }, 2)
    second.call('private/get_order_state_by_label', { currency: 'ETH', label: 'dropped-1' }, 3)
    expect(second.answers(2)).toMatchObject([{ result: [{ label: 'dropped-1', order_state: 'open' }] }])
    expect(second.answers(3)).toMatchObject([{ result: [] }])
  })
})
