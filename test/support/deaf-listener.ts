import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'

/** Listens and then does nothing more for ever: its thread waits for what never comes, so the kernel alone answers. */
const DEAF = `
const { parentPort, workerData } = require('node:worker_threads')
const server = require('node:net').createServer()
server.listen({ ...workerData, backlog: 1 }, () => {
  parentPort.postMessage('listening')
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
})
`

/** An address that answers no SYN: a listener whose backlog is full, which is as near as loopback comes to a black hole. */
export class DeafListener {
  readonly #worker: Worker
  readonly #fillers: Socket[] = []

  static async listen(host: string, port: number): Promise<DeafListener> {
    const worker = new Worker(DEAF, { eval: true, workerData: { host, port } })
    await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    const self = new DeafListener(worker)
    await self.#fill(host, port)
    return self
  }

  /** Use {@link DeafListener.listen}. */
  constructor(worker: Worker) {
    this.#worker = worker
  }

  async close(): Promise<void> {
    for (const socket of this.#fillers) socket.destroy()
    await this.#worker.terminate()
  }

  /** Connects until the kernel says no more. */
  async #fill(host: string, port: number): Promise<void> {
    for (let i = 0; i < 16; i++) {
      const socket = connect({ host, port })
      socket.on('error', () => {})
      this.#fillers.push(socket)
      const accepted = await new Promise((resolve) => {
        socket.once('connect', () => resolve(true))
        setTimeout(() => resolve(false), 100)
      })
      if (!accepted) return
    }
    throw new Error('the backlog never filled')
  }
}
