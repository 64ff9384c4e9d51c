/** An order that the exchange has taken. */
export interface ExchangeOrder {
  readonly orderId: string
  readonly label: string
  readonly instrument: string
  readonly direction: 'buy' | 'sell'
  readonly type: 'limit' | 'market'
  readonly amount: number
  readonly price: number | undefined
  readonly createdMs: number
  state: 'open' | 'filled' | 'cancelled'
}

const MAX_ORDERS = 50_000

/** All orders taken, over all connections. The oldest are forgotten beyond 50 000. */
export class Orders {
  readonly #byId = new Map<string, ExchangeOrder>()
  readonly #byLabel = new Map<string, ExchangeOrder[]>()
  #count = 0

  take(order: Omit<ExchangeOrder, 'orderId'>): ExchangeOrder {
    const taken: ExchangeOrder = { orderId: `${order.instrument.split('-')[0]}-${++this.#count}`, ...order }
    this.#byId.set(taken.orderId, taken)
    const sameLabel = this.#byLabel.get(taken.label)
    if (sameLabel === undefined) this.#byLabel.set(taken.label, [taken])
    else sameLabel.push(taken)
    if (this.#byId.size > MAX_ORDERS) this.#forget(this.#byId.values().next().value as ExchangeOrder)
    return taken
  }

  get(orderId: string): ExchangeOrder | undefined {
    return this.#byId.get(orderId)
  }

  /** Labels need not be unique, here as at Deribit. */
  labelled(label: string): readonly ExchangeOrder[] {
    return this.#byLabel.get(label) ?? []
  }

  #forget(order: ExchangeOrder): void {
    this.#byId.delete(order.orderId)
    const left = this.labelled(order.label).filter((other) => other !== order)
    if (left.length === 0) this.#byLabel.delete(order.label)
    else this.#byLabel.set(order.label, left)
  }
}

/** As in Deribit's answers and `user.orders` notifications. */
export function orderData(order: ExchangeOrder): object {
  const filled = order.state === 'filled'
  return {
    order_id: order.orderId,
    label: order.label,
    instrument_name: order.instrument,
    direction: order.direction,
    order_type: order.type,
    order_state: order.state,
    amount: order.amount,
    filled_amount: filled ? order.amount : 0,
    price: order.price ?? 'market_price',
    creation_timestamp: order.createdMs,
  }
}
