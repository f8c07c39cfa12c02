package tool

import (
	"testing"

	"momus/cmd/internal/tool/tooltest"
)

// Files of a log that a released broker wrote, read in all the ways: what is printed for each kind of
// file, and what is said of damage.
func TestDumpOfEachKindOfFile(t *testing.T) {
	s := &tooltest.Session{Tools: Tools(), Files: map[string]string{
		"00000000000000000000.index": "\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x10\x00", "00000000000000000000.timeindex": "short",
		"00000000000000000007.log": "", "00000000000000000007.snapshot": "no snapshot", "00000000000000000007.txnindex": "", "name.log": "x", "plain": ""}}
	s.Play(t, `
$ kafka-dump-log --files RECORDED/dl-0/00000000000000000000.log
Dumping RECORDED/dl-0/00000000000000000000.log
Starting offset: 0
baseOffset: 0 lastOffset: 2 count: 3 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 0 CreateTime: 1795371220927 size: 94 magic: 2 compresscodec: NONE crc: 1108906343 isvalid: true
baseOffset: 3 lastOffset: 4 count: 2 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 94 CreateTime: 1795371221956 size: 97 magic: 2 compresscodec: GZIP crc: 2631658522 isvalid: true
baseOffset: 5 lastOffset: 5 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 191 CreateTime: 1795371223078 size: 92 magic: 2 compresscodec: SNAPPY crc: 3645563164 isvalid: true
baseOffset: 6 lastOffset: 6 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 283 CreateTime: 1795371224230 size: 85 magic: 2 compresscodec: LZ4 crc: 2624144917 isvalid: true
baseOffset: 7 lastOffset: 7 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 368 CreateTime: 1795371225358 size: 82 magic: 2 compresscodec: ZSTD crc: 1935410967 isvalid: true
baseOffset: 8 lastOffset: 10 count: 3 baseSequence: 0 lastSequence: 2 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: false position: 450 CreateTime: 1795371226826 size: 106 magic: 2 compresscodec: NONE crc: 720329210 isvalid: true
baseOffset: 11 lastOffset: 11 count: 1 baseSequence: -1 lastSequence: -1 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: true position: 556 CreateTime: 1795371226881 size: 78 magic: 2 compresscodec: NONE crc: 1339963275 isvalid: true
$ kafka-dump-log --files RECORDED/dl-0/00000000000000000000.log --print-data-log
Dumping RECORDED/dl-0/00000000000000000000.log
Starting offset: 0
baseOffset: 0 lastOffset: 2 count: 3 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 0 CreateTime: 1795371220927 size: 94 magic: 2 compresscodec: NONE crc: 1108906343 isvalid: true
| offset: 0 CreateTime: 1795371220914 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: k1 payload: v1
| offset: 1 CreateTime: 1795371220927 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: k2 payload: v2
| offset: 2 CreateTime: 1795371220927 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: k3 payload: v3
baseOffset: 3 lastOffset: 4 count: 2 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 94 CreateTime: 1795371221956 size: 97 magic: 2 compresscodec: GZIP crc: 2631658522 isvalid: true
| offset: 3 CreateTime: 1795371221947 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: g1
| offset: 4 CreateTime: 1795371221956 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: g2
baseOffset: 5 lastOffset: 5 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 191 CreateTime: 1795371223078 size: 92 magic: 2 compresscodec: SNAPPY crc: 3645563164 isvalid: true
| offset: 5 CreateTime: 1795371223078 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: s1
baseOffset: 6 lastOffset: 6 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 283 CreateTime: 1795371224230 size: 85 magic: 2 compresscodec: LZ4 crc: 2624144917 isvalid: true
| offset: 6 CreateTime: 1795371224230 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: l1
baseOffset: 7 lastOffset: 7 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 368 CreateTime: 1795371225358 size: 82 magic: 2 compresscodec: ZSTD crc: 1935410967 isvalid: true
| offset: 7 CreateTime: 1795371225358 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: z1
baseOffset: 8 lastOffset: 10 count: 3 baseSequence: 0 lastSequence: 2 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: false position: 450 CreateTime: 1795371226826 size: 106 magic: 2 compresscodec: NONE crc: 720329210 isvalid: true
| offset: 8 CreateTime: 1795371226815 keysize: -1 valuesize: 8 sequence: 0 headerKeys: [] payload: SSXVNJHP
| offset: 9 CreateTime: 1795371226826 keysize: -1 valuesize: 8 sequence: 1 headerKeys: [] payload: SSXVNJHP
| offset: 10 CreateTime: 1795371226826 keysize: -1 valuesize: 8 sequence: 2 headerKeys: [] payload: SSXVNJHP
baseOffset: 11 lastOffset: 11 count: 1 baseSequence: -1 lastSequence: -1 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: true position: 556 CreateTime: 1795371226881 size: 78 magic: 2 compresscodec: NONE crc: 1339963275 isvalid: true
| offset: 11 CreateTime: 1795371226881 keysize: 4 valuesize: 6 sequence: -1 headerKeys: [] endTxnMarker: COMMIT coordinatorEpoch: 0
$ kafka-dump-log --files RECORDED/dl-0/00000000000000000000.log --print-data-log --key-decoder-class kafka.serializer.DefaultDecoder --value-decoder-class kafka.serializer.DefaultDecoder
Dumping RECORDED/dl-0/00000000000000000000.log
Starting offset: 0
baseOffset: 0 lastOffset: 2 count: 3 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 0 CreateTime: 1795371220927 size: 94 magic: 2 compresscodec: NONE crc: 1108906343 isvalid: true
| offset: 0 CreateTime: 1795371220914 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: [B@960ea0a9 payload: [B@6962ccb5
| offset: 1 CreateTime: 1795371220927 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: [B@f07f113 payload: [B@f06b9d0f
| offset: 2 CreateTime: 1795371220927 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: [B@7800c185 payload: [B@876cad99
baseOffset: 3 lastOffset: 4 count: 2 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 94 CreateTime: 1795371221956 size: 97 magic: 2 compresscodec: GZIP crc: 2631658522 isvalid: true
| offset: 3 CreateTime: 1795371221947 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: [B@3abbefa5
| offset: 4 CreateTime: 1795371221956 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: [B@a3b2be1f
baseOffset: 5 lastOffset: 5 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 191 CreateTime: 1795371223078 size: 92 magic: 2 compresscodec: SNAPPY crc: 3645563164 isvalid: true
| offset: 5 CreateTime: 1795371223078 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: [B@141538f0
baseOffset: 6 lastOffset: 6 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 283 CreateTime: 1795371224230 size: 85 magic: 2 compresscodec: LZ4 crc: 2624144917 isvalid: true
| offset: 6 CreateTime: 1795371224230 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: [B@d94f366e
baseOffset: 7 lastOffset: 7 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 368 CreateTime: 1795371225358 size: 82 magic: 2 compresscodec: ZSTD crc: 1935410967 isvalid: true
| offset: 7 CreateTime: 1795371225358 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: [B@c5d783b9
baseOffset: 8 lastOffset: 10 count: 3 baseSequence: 0 lastSequence: 2 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: false position: 450 CreateTime: 1795371226826 size: 106 magic: 2 compresscodec: NONE crc: 720329210 isvalid: true
| offset: 8 CreateTime: 1795371226815 keysize: -1 valuesize: 8 sequence: 0 headerKeys: [] payload: [B@ae35db76
| offset: 9 CreateTime: 1795371226826 keysize: -1 valuesize: 8 sequence: 1 headerKeys: [] payload: [B@ae35db76
| offset: 10 CreateTime: 1795371226826 keysize: -1 valuesize: 8 sequence: 2 headerKeys: [] payload: [B@ae35db76
baseOffset: 11 lastOffset: 11 count: 1 baseSequence: -1 lastSequence: -1 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: true position: 556 CreateTime: 1795371226881 size: 78 magic: 2 compresscodec: NONE crc: 1339963275 isvalid: true
| offset: 11 CreateTime: 1795371226881 keysize: 4 valuesize: 6 sequence: -1 headerKeys: [] endTxnMarker: COMMIT coordinatorEpoch: 0
$ kafka-dump-log --files RECORDED/dl-0/00000000000000000000.index,RECORDED/dl-0/00000000000000000000.timeindex
Dumping RECORDED/dl-0/00000000000000000000.index
offset: 4 position: 94
offset: 5 position: 191
offset: 6 position: 283
offset: 7 position: 368
offset: 10 position: 450
offset: 11 position: 556
Dumping RECORDED/dl-0/00000000000000000000.timeindex
timestamp: 1795371221956 offset: 4
timestamp: 1795371223078 offset: 5
timestamp: 1795371224230 offset: 6
timestamp: 1795371225358 offset: 7
timestamp: 1795371226826 offset: 9
timestamp: 1795371226881 offset: 11
! The following indexed offsets are not found in the log.
! Indexed offset: 9, found log offset: 10
$ kafka-dump-log --files RECORDED/dl-0/00000000000000000000.index --index-sanity-check
Dumping RECORDED/dl-0/00000000000000000000.index
RECORDED/dl-0/00000000000000000000.index passed sanity check.
$ kafka-dump-log --files RECORDED/dl-0/00000000000000000000.index --verify-index-only
Dumping RECORDED/dl-0/00000000000000000000.index
$ kafka-dump-log --files RECORDED/dl-0/00000000000000000012.snapshot
Dumping RECORDED/dl-0/00000000000000000012.snapshot
producerId: 1000 producerEpoch: 0 coordinatorEpoch: 0 currentTxnFirstOffset: None firstSequence: 0 lastSequence: 2 lastOffset: 10 offsetDelta: 2 timestamp: 1795371226881
$ kafka-dump-log --files RECORDED/dlold-0/00000000000000000000.log --deep-iteration
Dumping RECORDED/dlold-0/00000000000000000000.log
Starting offset: 0
offset: 0 position: 0 CreateTime: 1795371228794 size: 38 magic: 1 compresscodec: NONE crc: 217237320 isvalid: true
| offset: 0 CreateTime: 1795371228794 keysize: -1 valuesize: 4 crc: 217237320 isvalid: true
offset: 1 position: 38 CreateTime: 1795371228801 size: 38 magic: 1 compresscodec: NONE crc: 1756131522 isvalid: true
| offset: 1 CreateTime: 1795371228801 keysize: -1 valuesize: 4 crc: 1756131522 isvalid: true
$ kafka-dump-log --files RECORDED/offsets/00000000000000000000.log --offsets-decoder
Dumping RECORDED/offsets/00000000000000000000.log
Starting offset: 0
baseOffset: 0 lastOffset: 0 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 0 CreateTime: 1795371229876 size: 332 magic: 2 compresscodec: NONE crc: 1891368918 isvalid: true
| offset: 0 CreateTime: 1795371229876 keysize: 14 valuesize: 248 sequence: -1 headerKeys: [] key: group_metadata::group=dump.group payload: {"protocolType":"consumer","protocol":"range","generationId":1,"assignment":"{consumer-dump.group-1-c37b4bf5-77a8-4bdb-83e9-83f2ae618e58=[dl-0]}"}
baseOffset: 1 lastOffset: 1 count: 1 baseSequence: 0 lastSequence: 0 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 332 CreateTime: 1795371229976 size: 114 magic: 2 compresscodec: NONE crc: 3395652914 isvalid: true
| offset: 1 CreateTime: 1795371229976 keysize: 22 valuesize: 24 sequence: 0 headerKeys: [] key: offset_commit::group=dump.group,partition=dl-0 payload: offset=4
baseOffset: 2 lastOffset: 2 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 446 CreateTime: 1795371229981 size: 114 magic: 2 compresscodec: NONE crc: 3227484818 isvalid: true
| offset: 2 CreateTime: 1795371229981 keysize: 14 valuesize: 32 sequence: -1 headerKeys: [] key: group_metadata::group=dump.group payload: {"protocolType":"consumer","protocol":null,"generationId":2,"assignment":"{}"}
$ kafka-dump-log --files RECORDED/txn/00000000000000000000.log --transaction-log-decoder
Dumping RECORDED/txn/00000000000000000000.log
Starting offset: 0
baseOffset: 0 lastOffset: 0 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 0 CreateTime: 1795371226769 size: 112 magic: 2 compresscodec: NONE crc: 1799342044 isvalid: true
| offset: 0 CreateTime: 1795371226769 keysize: 7 valuesize: 37 sequence: -1 headerKeys: [] key: transaction_metadata::transactionalId=tx9 payload: producerId:1000,producerEpoch:0,state=Empty,partitions=[],txnLastUpdateTimestamp=1795371226767,txnTimeoutMs=60000
baseOffset: 1 lastOffset: 1 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 112 CreateTime: 1795371226832 size: 124 magic: 2 compresscodec: NONE crc: 1821076235 isvalid: true
| offset: 1 CreateTime: 1795371226832 keysize: 7 valuesize: 49 sequence: -1 headerKeys: [] key: transaction_metadata::transactionalId=tx9 payload: producerId:1000,producerEpoch:0,state=Ongoing,partitions=[dl-0],txnLastUpdateTimestamp=1795371226831,txnTimeoutMs=60000
baseOffset: 2 lastOffset: 2 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 236 CreateTime: 1795371226862 size: 124 magic: 2 compresscodec: NONE crc: 3769433947 isvalid: true
| offset: 2 CreateTime: 1795371226862 keysize: 7 valuesize: 49 sequence: -1 headerKeys: [] key: transaction_metadata::transactionalId=tx9 payload: producerId:1000,producerEpoch:0,state=PrepareCommit,partitions=[dl-0],txnLastUpdateTimestamp=1795371226861,txnTimeoutMs=60000
baseOffset: 3 lastOffset: 3 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 360 CreateTime: 1795371226888 size: 112 magic: 2 compresscodec: NONE crc: 3332753011 isvalid: true
| offset: 3 CreateTime: 1795371226888 keysize: 7 valuesize: 37 sequence: -1 headerKeys: [] key: transaction_metadata::transactionalId=tx9 payload: producerId:1000,producerEpoch:0,state=CompleteCommit,partitions=[],txnLastUpdateTimestamp=1795371226865,txnTimeoutMs=60000
$ kafka-dump-log --files RECORDED/crc/00000000000000000000.log
Dumping RECORDED/crc/00000000000000000000.log
Starting offset: 0
baseOffset: 0 lastOffset: 2 count: 3 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 0 CreateTime: 1795371220927 size: 94 magic: 2 compresscodec: NONE crc: 1108906343 isvalid: false
baseOffset: 3 lastOffset: 4 count: 2 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 94 CreateTime: 1795371221956 size: 97 magic: 2 compresscodec: GZIP crc: 2631658522 isvalid: true
baseOffset: 5 lastOffset: 5 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 191 CreateTime: 1795371223078 size: 92 magic: 2 compresscodec: SNAPPY crc: 3645563164 isvalid: true
baseOffset: 6 lastOffset: 6 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 283 CreateTime: 1795371224230 size: 85 magic: 2 compresscodec: LZ4 crc: 2624144917 isvalid: true
baseOffset: 7 lastOffset: 7 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 368 CreateTime: 1795371225358 size: 82 magic: 2 compresscodec: ZSTD crc: 1935410967 isvalid: true
baseOffset: 8 lastOffset: 10 count: 3 baseSequence: 0 lastSequence: 2 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: false position: 450 CreateTime: 1795371226826 size: 106 magic: 2 compresscodec: NONE crc: 720329210 isvalid: true
baseOffset: 11 lastOffset: 11 count: 1 baseSequence: -1 lastSequence: -1 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: true position: 556 CreateTime: 1795371226881 size: 78 magic: 2 compresscodec: NONE crc: 1339963275 isvalid: true
$ kafka-dump-log --files RECORDED/bad/00000000000000000000.log
Dumping RECORDED/bad/00000000000000000000.log
Starting offset: 0
baseOffset: 0 lastOffset: 2 count: 3 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 0 CreateTime: 1795371220927 size: 94 magic: 2 compresscodec: NONE crc: 1108906343 isvalid: true
baseOffset: 3 lastOffset: 4 count: 2 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 94 CreateTime: 1795371221956 size: 97 magic: 2 compresscodec: GZIP crc: 2631658522 isvalid: true
baseOffset: 5 lastOffset: 5 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 191 CreateTime: 1795371223078 size: 92 magic: 2 compresscodec: SNAPPY crc: 3645563164 isvalid: true
baseOffset: 6 lastOffset: 6 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 283 CreateTime: 1795371224230 size: 85 magic: 2 compresscodec: LZ4 crc: 2624144917 isvalid: true
baseOffset: 7 lastOffset: 7 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 368 CreateTime: 1795371225358 size: 82 magic: 2 compresscodec: ZSTD crc: 1935410967 isvalid: true
baseOffset: 8 lastOffset: 10 count: 3 baseSequence: 0 lastSequence: 2 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: false position: 450 CreateTime: 1795371226826 size: 106 magic: 2 compresscodec: NONE crc: 720329210 isvalid: true
Found 71 invalid bytes at the end of 00000000000000000000.log
$ kafka-dump-log --files FILE/00000000000000000000.index
Dumping FILE/00000000000000000000.index
! FILE/00000000000000000000.log: no such file
= 1
$ kafka-dump-log --files FILE/00000000000000000000.timeindex
Dumping FILE/00000000000000000000.timeindex
$ kafka-dump-log --files FILE/00000000000000000007.log,FILE/00000000000000000007.txnindex
Dumping FILE/00000000000000000007.log
Starting offset: 7
Dumping FILE/00000000000000000007.txnindex
$ kafka-dump-log --files FILE/00000000000000000007.snapshot
Dumping FILE/00000000000000000007.snapshot
! FILE/00000000000000000007.snapshot: corrupt producer snapshot: version 28271
$ kafka-dump-log --files FILE/name.log
Dumping FILE/name.log
! For input string: "name": the name of the file has to begin with its base offset
= 1
$ kafka-dump-log --files FILE/plain
Dumping FILE/plain
! FILE/plain: the kind of a file is in its suffix: .log, .index, .timeindex, .snapshot or .txnindex
= 1
$ kafka-dump-log --files FILE/none.snapshot
Dumping FILE/none.snapshot
! FILE/none.snapshot: no such file
= 1
$ kafka-dump-log --files RECORDED/dl-0/00000000000000000000.log --max-message-size many
! Cannot parse argument 'many' of option max-message-size
= 1
$ kafka-dump-log --files RECORDED/dl-0/00000000000000000000.log --offsets-decoder --transaction-log-decoder
Dumping RECORDED/dl-0/00000000000000000000.log
Starting offset: 0
baseOffset: 0 lastOffset: 2 count: 3 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 0 CreateTime: 1795371220927 size: 94 magic: 2 compresscodec: NONE crc: 1108906343 isvalid: true
| offset: 0 CreateTime: 1795371220914 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: unknown::version=27441 payload:
| offset: 1 CreateTime: 1795371220927 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: unknown::version=27442 payload:
| offset: 2 CreateTime: 1795371220927 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: unknown::version=27443 payload:
baseOffset: 3 lastOffset: 4 count: 2 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 94 CreateTime: 1795371221956 size: 97 magic: 2 compresscodec: GZIP crc: 2631658522 isvalid: true
| offset: 3 CreateTime: 1795371221947 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] key: <unreadable> payload: <unreadable>
| offset: 4 CreateTime: 1795371221956 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] key: <unreadable> payload: <unreadable>
baseOffset: 5 lastOffset: 5 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 191 CreateTime: 1795371223078 size: 92 magic: 2 compresscodec: SNAPPY crc: 3645563164 isvalid: true
| offset: 5 CreateTime: 1795371223078 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] key: <unreadable> payload: <unreadable>
baseOffset: 6 lastOffset: 6 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 283 CreateTime: 1795371224230 size: 85 magic: 2 compresscodec: LZ4 crc: 2624144917 isvalid: true
| offset: 6 CreateTime: 1795371224230 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] key: <unreadable> payload: <unreadable>
baseOffset: 7 lastOffset: 7 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 368 CreateTime: 1795371225358 size: 82 magic: 2 compresscodec: ZSTD crc: 1935410967 isvalid: true
| offset: 7 CreateTime: 1795371225358 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] key: <unreadable> payload: <unreadable>
baseOffset: 8 lastOffset: 10 count: 3 baseSequence: 0 lastSequence: 2 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: false position: 450 CreateTime: 1795371226826 size: 106 magic: 2 compresscodec: NONE crc: 720329210 isvalid: true
| offset: 8 CreateTime: 1795371226815 keysize: -1 valuesize: 8 sequence: 0 headerKeys: [] key: <unreadable> payload: <unreadable>
| offset: 9 CreateTime: 1795371226826 keysize: -1 valuesize: 8 sequence: 1 headerKeys: [] key: <unreadable> payload: <unreadable>
| offset: 10 CreateTime: 1795371226826 keysize: -1 valuesize: 8 sequence: 2 headerKeys: [] key: <unreadable> payload: <unreadable>
baseOffset: 11 lastOffset: 11 count: 1 baseSequence: -1 lastSequence: -1 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: true position: 556 CreateTime: 1795371226881 size: 78 magic: 2 compresscodec: NONE crc: 1339963275 isvalid: true
| offset: 11 CreateTime: 1795371226881 keysize: 4 valuesize: 6 sequence: -1 headerKeys: [] endTxnMarker: COMMIT coordinatorEpoch: 0
$ kafka-dump-log --files RECORDED/dl-0/00000000000000000000.log --value-decoder-class kafka.serializer.LongDecoder --print-data-log
Dumping RECORDED/dl-0/00000000000000000000.log
Starting offset: 0
baseOffset: 0 lastOffset: 2 count: 3 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 0 CreateTime: 1795371220927 size: 94 magic: 2 compresscodec: NONE crc: 1108906343 isvalid: true
| offset: 0 CreateTime: 1795371220914 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: k1 payload: v1
| offset: 1 CreateTime: 1795371220927 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: k2 payload: v2
| offset: 2 CreateTime: 1795371220927 keysize: 2 valuesize: 2 sequence: -1 headerKeys: [] key: k3 payload: v3
baseOffset: 3 lastOffset: 4 count: 2 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 94 CreateTime: 1795371221956 size: 97 magic: 2 compresscodec: GZIP crc: 2631658522 isvalid: true
| offset: 3 CreateTime: 1795371221947 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: g1
| offset: 4 CreateTime: 1795371221956 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: g2
baseOffset: 5 lastOffset: 5 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 191 CreateTime: 1795371223078 size: 92 magic: 2 compresscodec: SNAPPY crc: 3645563164 isvalid: true
| offset: 5 CreateTime: 1795371223078 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: s1
baseOffset: 6 lastOffset: 6 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 283 CreateTime: 1795371224230 size: 85 magic: 2 compresscodec: LZ4 crc: 2624144917 isvalid: true
| offset: 6 CreateTime: 1795371224230 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: l1
baseOffset: 7 lastOffset: 7 count: 1 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: 0 isTransactional: false isControl: false position: 368 CreateTime: 1795371225358 size: 82 magic: 2 compresscodec: ZSTD crc: 1935410967 isvalid: true
| offset: 7 CreateTime: 1795371225358 keysize: -1 valuesize: 2 sequence: -1 headerKeys: [] payload: z1
baseOffset: 8 lastOffset: 10 count: 3 baseSequence: 0 lastSequence: 2 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: false position: 450 CreateTime: 1795371226826 size: 106 magic: 2 compresscodec: NONE crc: 720329210 isvalid: true
| offset: 8 CreateTime: 1795371226815 keysize: -1 valuesize: 8 sequence: 0 headerKeys: [] payload: 6004239855918925904
| offset: 9 CreateTime: 1795371226826 keysize: -1 valuesize: 8 sequence: 1 headerKeys: [] payload: 6004239855918925904
| offset: 10 CreateTime: 1795371226826 keysize: -1 valuesize: 8 sequence: 2 headerKeys: [] payload: 6004239855918925904
baseOffset: 11 lastOffset: 11 count: 1 baseSequence: -1 lastSequence: -1 producerId: 1000 producerEpoch: 0 partitionLeaderEpoch: 0 isTransactional: true isControl: true position: 556 CreateTime: 1795371226881 size: 78 magic: 2 compresscodec: NONE crc: 1339963275 isvalid: true
| offset: 11 CreateTime: 1795371226881 keysize: 4 valuesize: 6 sequence: -1 headerKeys: [] endTxnMarker: COMMIT coordinatorEpoch: 0
`)
}
