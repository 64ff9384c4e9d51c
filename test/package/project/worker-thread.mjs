import { parentPort, workerData } from 'node:worker_threads'
import { connect, nativeInfo } from 'shared-ws'

let messages = 0
connect(workerData, {
  native: 'require',
  onMessage: () => {
    if (++messages === 100) parentPort.postMessage(nativeInfo().origin)
  },
})
