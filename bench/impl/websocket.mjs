import { performance } from 'node:perf_hooks'
import websocket from 'websocket'
import { ca } from './ws-common.mjs'

/**
 * Listeners have to be there when `connect` is emitted: messages glued to the response follow at once.
 * @param {string} url
 * @param {(connection: any) => void} listen
 */
function begin(url, listen) {
  // Its frame limit is 1 MiB, more than the largest captured message.
  const client = new websocket.client({ tlsOptions: { ca } })
  return new Promise((resolve, reject) => {
    client.on('connectFailed', reject)
    client.on('connect', (connection) => {
      listen(connection)
      resolve(connection)
    })
    client.connect(url)
  })
}

export const impl = {
  name: 'websocket',
  unavailable: undefined,

  /** @type {import('../lib/tasks.mjs').Impl['receive']} */
  receive: (url, form, tally) =>
    new Promise((resolve, reject) => {
      begin(url, (connection) => {
        connection.on('message', (message) => {
          if (message.type === 'binary') {
            tally.add(message.binaryData[0], message.binaryData.length, performance.now())
            return
          }
          const text = message.utf8Data
          if (form === 'json') tally.parsed(JSON.parse(text))
          tally.add(text.charCodeAt(0), text.length, performance.now())
        })
        connection.on('error', reject)
        connection.on('close', () => resolve())
      }).catch(reject)
    }),

  /** @type {import('../lib/tasks.mjs').Impl['open']} */
  async open(url, onMessage) {
    let closed
    const connection = await begin(url, (opened) => {
      closed = new Promise((resolve) => opened.on('close', resolve))
      opened.on('message', ({ utf8Data }) => onMessage(utf8Data.charCodeAt(0), utf8Data.length))
      opened.on('error', () => {}) // a close follows, and the runner sees what is missing
    })
    return {
      send: (text) => connection.sendUTF(text),
      burst(texts) {
        if (connection.outputBufferFull) return 0
        for (const text of texts) connection.sendUTF(text)
        return texts.length
      },
      async close() {
        connection.close(1000)
        await closed
      },
    }
  },
}
