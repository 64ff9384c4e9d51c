import { connect } from 'shared-ws'
import { MockTransport } from 'shared-ws/testing'

const transport = new MockTransport()
export const connection = connect('wss://example.com', { transport })
