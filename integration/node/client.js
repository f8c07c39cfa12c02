// The test client over kafkajs: the same commands as java/src/Client.java.
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')
const lz4 = require('lz4-napi')
const fzstd = require('fzstd')
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (e) => lz4.compressFrame(e.buffer),
  decompress: async (b) => lz4.decompressFrame(b),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (e) => Buffer.from(await new Promise((ok) => require('zstd-codec').ZstdCodec.run((z) => ok(new z.Simple().compress(e.buffer))))),
  decompress: async (b) => Buffer.from(fzstd.decompress(b)),
})
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD }
// security is how to log in: the JSON of MOMUS_CLIENT_JSON, where {"file": NAME} stands for a file's content.
function security () {
  const s = JSON.parse(process.env.MOMUS_CLIENT_JSON || '{}')
  for (const [k, v] of Object.entries(s.ssl || {})) {
    if (v && v.file) s.ssl[k] = [require('fs').readFileSync(v.file)]
  }
  if (s.sasl && s.sasl.token) {
    const value = s.sasl.token
    s.sasl.oauthBearerProvider = async () => ({ value })
  }
  return s
}
const [command, bootstrap, topic, ...rest] = process.argv.slice(2)
const kafka = new Kafka({ clientId: process.env.MOMUS_CLIENT_ID || 'kafkajs', retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 100 }, brokers: bootstrap.split(','), logLevel: logLevel.ERROR, ...security() })
const text = (b) => (b === null || b === undefined ? '' : b.toString())

async function produce (codec, count, name, acks) {
  const p = kafka.producer()
  await p.connect()
  const n = Number(count)
  for (let i = 0; i < n; i += 100) {
    const messages = []
    for (let j = i; j < Math.min(n, i + 100); j++) messages.push({ key: `${name}-${j}`, value: `${name} value ${j}`, headers: { n: String(j) } })
    await p.send({ topic, compression: codecs[codec], acks: acks === undefined || acks === 'all' ? -1 : Number(acks), messages })
  }
  await p.disconnect()
}

async function consume (count) {
  const c = kafka.consumer({ groupId: 'kafkajs-' + Date.now() + '-' + process.pid })
  await c.connect()
  await c.subscribe({ topic, fromBeginning: true })
  let got = 0
  let done
  const finished = new Promise((resolve) => { done = resolve })
  const timer = setTimeout(done, 60000)
  await c.run({
    autoCommit: false,
    eachMessage: async ({ partition, message: m }) => {
      const hs = Object.entries(m.headers || {}).map(([k, v]) => `${k}=${text(v)}`).join('')
      process.stdout.write(`${partition}\t${text(m.key)}\t${text(m.value)}\t${hs}\n`)
      if (++got >= Number(count)) done()
    },
  })
  await finished
  clearTimeout(timer)
  await c.disconnect()
}

// Kafka's range assignor, so that kafkajs can be in a group with others; its own has a protocol name that nobody else uses.
const { AssignerProtocol: { MemberMetadata, MemberAssignment } } = require('kafkajs')
const range = ({ cluster }) => ({
  name: 'range',
  version: 0,
  protocol: ({ topics }) => ({ name: 'range', metadata: MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }) }),
  assign: async ({ members, topics }) => {
    const ids = members.map((m) => m.memberId).sort()
    const plan = Object.fromEntries(ids.map((id) => [id, {}]))
    for (const t of topics) {
      const partitions = cluster.findTopicPartitionMetadata(t).map((p) => p.partitionId).sort((a, b) => a - b)
      const least = Math.floor(partitions.length / ids.length)
      let next = 0
      ids.forEach((id, i) => {
        const n = least + (i < partitions.length % ids.length ? 1 : 0)
        plan[id][t] = partitions.slice(next, next + n)
        next += n
      })
    }
    return ids.map((memberId) => ({ memberId, memberAssignment: MemberAssignment.encode({ version: 0, assignment: plan[memberId], userData: Buffer.alloc(0) }) }))
  },
})

async function member (groupId) {
  const more = process.env.MOMUS_ASSIGNOR === 'range' ? { partitionAssigners: [range] } : {}
  const c = kafka.consumer({ groupId, sessionTimeout: Number(process.env.MOMUS_SESSION_MS || 6000), heartbeatInterval: 500, metadataMaxAge: 2000, ...more })
  c.on(c.events.GROUP_JOIN, (e) => console.log('assigned ' + (e.payload.memberAssignment[topic] || []).sort((a, b) => a - b).join(',')))
  await c.connect()
  await c.subscribe({ topic, fromBeginning: true })
  await c.run({ autoCommitInterval: 200, eachMessage: async ({ message }) => { console.log('got ' + text(message.value)) } })
  process.stdin.resume()
  await new Promise((resolve) => process.stdin.on('end', resolve))
  await c.disconnect()
}

({ produce, consume, member })[command](...rest).then(() => process.exit(0), (e) => { console.error(e); process.exit(1) })
