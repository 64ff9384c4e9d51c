// ws in a process whose event loop never sleeps: the usual remedy against wake-up latency, at the price of a core.
process.env['WS_NO_BUFFER_UTIL'] = '1'
const { makeWs } = await import('./ws-common.mjs')
const plain = await makeWs('ws:warm')

export const impl = {
  ...plain,
  /** @type {typeof plain.open} */
  async open(url, onMessage) {
    const link = await plain.open(url, onMessage)
    let warm = true
    const turn = () => {
      if (warm) setImmediate(turn)
    }
    turn()
    return {
      ...link,
      close() {
        warm = false
        return link.close()
      },
    }
  },
}
