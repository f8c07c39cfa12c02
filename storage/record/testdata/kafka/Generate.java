import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import kafka.api.ApiVersion;
import kafka.common.LongRef;
import kafka.common.RecordValidationException;
import kafka.log.AppendOrigin;
import kafka.log.LogValidator;
import kafka.message.BrokerCompressionCodec;
import kafka.message.CompressionCodec;
import kafka.server.BrokerTopicStats;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.requests.ProduceResponse;
import org.apache.kafka.common.utils.ByteBufferOutputStream;
import org.apache.kafka.common.utils.ByteUtils;
import org.apache.kafka.common.utils.Crc32C;
import org.apache.kafka.common.utils.Time;

/** Runs record sets, good and bad, through Kafka 2.5.0's own LogValidator and down-conversion; prints one JSON object a line. See README.md. */
public class Generate {
    static final long NOW = 1_600_000_000_000L;
    static final BrokerTopicStats STATS = new BrokerTopicStats();
    static final TopicPartition TP = new TopicPartition("t", 0);
    static final String[] TARGETS = {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"};

    static class Rec {
        long ts; byte[] key, value; Header[] headers = new Header[0];
        Rec(long ts, String key, String value) { this.ts = ts; this.key = b(key); this.value = b(value); }
    }
    static byte[] b(String s) { return s == null ? null : s.getBytes(); }
    static Rec[] good() { return new Rec[]{new Rec(NOW - 3, "k1", "value one value one"), new Rec(NOW + 5, "k2", null), new Rec(NOW - 1, "", "value one value three")}; }

    static byte[] set(int magic, CompressionType c, TimestampType t, long pid, int seq, boolean txn, Rec... recs) {
        MemoryRecordsBuilder m = MemoryRecords.builder(ByteBuffer.allocate(4096), (byte) magic, c, t, 0L, NOW, pid, (short) (pid < 0 ? -1 : 4), seq, txn, -1);
        long o = 0;
        for (Rec r : recs) m.appendWithOffset(o++, r.ts, r.key, r.value, r.headers);
        return bytes(m.build());
    }
    static byte[] set(int magic, CompressionType c, Rec... recs) { return set(magic, c, TimestampType.CREATE_TIME, -1, -1, false, recs); }
    static byte[] bytes(MemoryRecords r) { ByteBuffer d = r.buffer().duplicate(); byte[] a = new byte[d.remaining()]; d.get(a); return a; }

    static byte[] cat(byte[]... parts) {
        ByteArrayOutputStream o = new ByteArrayOutputStream();
        for (byte[] p : parts) o.write(p, 0, p.length);
        return o.toByteArray();
    }
    static byte[] fix(byte[] a) {
        ByteBuffer x = ByteBuffer.wrap(a);
        x.putInt(8, a.length - 12);
        if (a[16] == 2) x.putInt(17, (int) Crc32C.compute(a, 21, a.length - 21));
        else { java.util.zip.CRC32 c = new java.util.zip.CRC32(); c.update(a, 16, a.length - 16); x.putInt(12, (int) c.getValue()); }
        return a;
    }
    static byte[] compress(CompressionType c, int magic, byte[] p) throws Exception {
        ByteBufferOutputStream o = new ByteBufferOutputStream(4096);
        OutputStream s = c.wrapForOutput(o, (byte) magic);
        s.write(p); s.close();
        ByteBuffer d = o.buffer().duplicate(); d.flip();
        byte[] a = new byte[d.remaining()]; d.get(a); return a;
    }
    static byte[] v2(int attr, int count, int lastDelta, byte[] payload) {
        ByteBuffer x = ByteBuffer.allocate(61 + payload.length);
        x.putInt(12, -1); x.put(16, (byte) 2); x.putShort(21, (short) attr); x.putInt(23, lastDelta); x.putLong(27, NOW); x.putLong(35, NOW);
        x.putLong(43, -1); x.putShort(51, (short) -1); x.putInt(53, -1); x.putInt(57, count);
        x.position(61); x.put(payload);
        return fix(x.array());
    }
    static byte[] legacy(int magic, int attr, long offset, long ts, byte[] key, byte[] value) throws Exception {
        ByteArrayOutputStream o = new ByteArrayOutputStream(); DataOutputStream d = new DataOutputStream(o);
        d.writeLong(offset); d.writeInt(0); d.writeInt(0); d.write(magic); d.write(attr);
        if (magic > 0) d.writeLong(ts);
        for (byte[] f : new byte[][]{key, value}) { d.writeInt(f == null ? -1 : f.length); if (f != null) d.write(f); }
        return fix(o.toByteArray());
    }
    static byte[] record(int offsetDelta, int... edit) throws Exception { // edit: position, value pairs applied to the body
        ByteArrayOutputStream o = new ByteArrayOutputStream(); DataOutputStream d = new DataOutputStream(o);
        d.write(0); ByteUtils.writeVarlong(2, d); ByteUtils.writeVarint(offsetDelta, d);
        ByteUtils.writeVarint(1, d); d.write('k'); ByteUtils.writeVarint(2, d); d.write('v'); d.write('w'); ByteUtils.writeVarint(0, d);
        byte[] body = o.toByteArray();
        for (int i = 0; i < edit.length; i += 2) body[edit[i]] = (byte) edit[i + 1];
        return sized(body);
    }
    static byte[] sized(byte[] body) throws Exception {
        ByteArrayOutputStream o = new ByteArrayOutputStream(); DataOutputStream d = new DataOutputStream(o);
        ByteUtils.writeVarint(body.length, d); d.write(body);
        return o.toByteArray();
    }

    // ---- output
    static String hex(byte[] a) { StringBuilder s = new StringBuilder(); for (byte x : a) s.append(String.format("%02x", x)); return s.toString(); }
    static String q(String s) { return s == null ? "null" : '"' + s.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", " ") + '"'; }

    static class P { // parameters of a validation
        int toMagic = 2; String compression = "producer"; boolean compact, lat, oldIbp; long diff = Long.MAX_VALUE; AppendOrigin origin = client();
        P magic(int m) { toMagic = m; return this; } P codec(String c) { compression = c; return this; } P compact() { compact = true; return this; }
        P lat(boolean l) { lat = l; return this; } P diff(long d) { diff = d; return this; } P coordinator() { origin = kafka.log.AppendOrigin.Coordinator$.MODULE$; return this; }
        P oldIbp() { oldIbp = true; return this; }
    }
    static AppendOrigin client() { return kafka.log.AppendOrigin.Client$.MODULE$; }
    static P p() { return new P(); }

    static void validate(String name, byte[] in, P p) {
        StringBuilder s = new StringBuilder();
        s.append("{\"name\":").append(q(name)).append(",\"in\":").append(q(hex(in))).append(",\"to_magic\":").append(p.toMagic)
            .append(",\"compression\":").append(q(p.compression)).append(",\"compact\":").append(p.compact).append(",\"log_append_time\":").append(p.lat)
            .append(",\"diff\":").append(p.diff).append(",\"coordinator\":").append(p.origin != client()).append(",\"old_ibp\":").append(p.oldIbp);
        try {
            MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(in.clone()));
            CompressionCodec source = kafka.message.NoCompressionCodec$.MODULE$;
            for (RecordBatch batch : records.batches()) {
                CompressionCodec c = kafka.message.CompressionCodec$.MODULE$.getCompressionCodec(batch.compressionType().id);
                if (c.codec() != 0) source = c;
            }
            CompressionCodec target = kafka.message.BrokerCompressionCodec$.MODULE$.getTargetCompressionCodec(p.compression, source);
            LogValidator.ValidationAndOffsetAssignResult r = kafka.log.LogValidator$.MODULE$.validateMessagesAndAssignOffsets(records, TP, new LongRef(100), Time.SYSTEM,
                NOW, source, target, p.compact, (byte) p.toMagic, p.lat ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME, p.diff, 7, p.origin,
                p.oldIbp ? kafka.api.KAFKA_2_0_IV1$.MODULE$ : kafka.api.ApiVersion$.MODULE$.latestVersion(), STATS);
            s.append(",\"code\":0,\"out\":").append(q(hex(bytes(r.validatedRecords())))).append(",\"max_timestamp\":").append(r.maxTimestamp())
                .append(",\"offset_of_max_timestamp\":").append(r.shallowOffsetOfMaxTimestamp()).append(",\"converted\":").append(r.messageSizeMaybeChanged());
        } catch (RecordValidationException e) {
            s.append(",\"code\":").append(Errors.forException(e.invalidException()).code()).append(",\"message\":").append(q(e.invalidException().getMessage())).append(",\"record_errors\":[");
            scala.collection.Iterator<ProduceResponse.RecordError> it = e.recordErrors().iterator();
            for (boolean first = true; it.hasNext(); first = false) {
                ProduceResponse.RecordError x = it.next();
                s.append(first ? "" : ",").append("{\"index\":").append(x.batchIndex).append(",\"message\":").append(q(x.message)).append("}");
            }
            s.append("]");
        } catch (Throwable e) {
            s.append(",\"code\":").append(Errors.forException(e).code()).append(",\"message\":").append(q(e.getMessage())).append(",\"exception\":").append(q(e.getClass().getSimpleName()));
        }
        System.out.println(s.append("}"));
    }

    static void downConvert(String name, byte[] in, int magic, long from) {
        StringBuilder s = new StringBuilder();
        s.append("{\"down\":true,\"name\":").append(q(name)).append(",\"in\":").append(q(hex(in))).append(",\"to_magic\":").append(magic).append(",\"from\":").append(from);
        try {
            ConvertedRecords<MemoryRecords> r = MemoryRecords.readableRecords(ByteBuffer.wrap(in)).downConvert((byte) magic, from, Time.SYSTEM);
            s.append(",\"code\":0,\"out\":").append(q(hex(bytes(r.records())))).append(",\"converted_records\":").append(r.recordConversionStats().numRecordsConverted());
        } catch (Throwable e) {
            s.append(",\"code\":").append(Errors.forException(e).code()).append(",\"message\":").append(q(e.getMessage())).append(",\"exception\":").append(q(e.getClass().getSimpleName()));
        }
        System.out.println(s.append("}"));
    }

    static List<CompressionType> codecs(int magic) {
        List<CompressionType> l = new ArrayList<>(Arrays.asList(CompressionType.values()));
        if (magic < 2) l.remove(CompressionType.ZSTD);
        return l;
    }

    public static void main(String[] args) throws Exception {
        for (int magic = 0; magic <= 2; magic++)
            for (CompressionType c : codecs(magic)) {
                byte[] in = set(magic, c, good());
                String n = "magic " + magic + " " + c.name;
                for (int to = 0; to <= 2; to++)
                    for (String target : TARGETS)
                        for (boolean lat : new boolean[]{false, true})
                            validate("convert " + n, in, p().magic(to).codec(target).lat(lat));
                Rec[] bad = {new Rec(NOW - 11, null, "a"), new Rec(NOW, "k", "b"), new Rec(-1, null, "c"), new Rec(NOW + 11, "k", null)};
                byte[] badSet = set(magic, c, bad);
                for (int to = 0; to <= 2; to++)
                    for (boolean lat : new boolean[]{false, true}) {
                        validate("null key on compacted, " + n, badSet, p().magic(to).compact().lat(lat));
                        validate("timestamps, " + n, badSet, p().magic(to).diff(10).lat(lat));
                        validate("timestamps and null keys, " + n, badSet, p().magic(to).diff(10).compact().lat(lat));
                    }
                if (magic > 0) for (boolean lat : new boolean[]{false, true})
                    validate("marked LogAppendTime, " + n, set(magic, c, TimestampType.LOG_APPEND_TIME, -1, -1, false, good()), p().magic(magic).lat(lat));
                if (magic == 0) validate("old timestamps, " + n, in, p().magic(0).diff(0));
                byte[] two = cat(in, set(magic, c, good()));
                validate("two sets, " + n, two, p().magic(magic));
                validate("two sets recompressed, " + n, two, p().magic(magic).codec("gzip"));
                for (int other = 0; other <= 2; other++)
                    if (other != magic) {
                        validate("mixed with magic " + other + ", " + n, cat(in, set(other, CompressionType.NONE, good())), p().magic(magic));
                        validate("mixed with magic " + other + " to the other, " + n, cat(in, set(other, CompressionType.NONE, good())), p().magic(other));
                    }
                for (int to = 0; to < magic; to++) {
                    downConvert(n, in, to, 0);
                    downConvert(n + " from 2", in, to, 2);
                    downConvert(n + " from 5", in, to, 5);
                    downConvert(n + " marked LogAppendTime", set(magic, c, TimestampType.LOG_APPEND_TIME, -1, -1, false, good()), to, 0);
                    downConvert(n + " two", two, to, 1);
                    downConvert(n + " after magic " + to, cat(set(to, CompressionType.NONE, good()), in), to, 0);
                }
            }
        Rec h = new Rec(NOW, "k", "v"); h.headers = new Header[]{new RecordHeader("hk", new byte[]{1}), new RecordHeader("n", (byte[]) null), new RecordHeader("", new byte[0])};
        byte[] headers = set(2, CompressionType.NONE, h);
        for (int to = 0; to <= 2; to++) validate("headers", headers, p().magic(to));
        for (int to = 1; to <= 2; to++) validate("headers recompressed", headers, p().magic(to).codec("lz4"));
        for (int to = 0; to <= 1; to++) downConvert("headers", headers, to, 0);

        for (CompressionType c : new CompressionType[]{CompressionType.NONE, CompressionType.GZIP}) {
            for (int to = 1; to <= 2; to++) {
                validate("idempotent " + c.name, set(2, c, TimestampType.CREATE_TIME, 9, 5, false, good()), p().magic(to));
                validate("transactional " + c.name, set(2, c, TimestampType.CREATE_TIME, 9, 5, true, good()), p().magic(to));
            }
            validate("idempotent recompressed " + c.name, set(2, c, TimestampType.CREATE_TIME, 9, 5, true, good()), p().codec("snappy"));
            byte[] noSeq = set(2, c, TimestampType.CREATE_TIME, 9, 5, false, good());
            ByteBuffer.wrap(noSeq).putInt(53, -1);
            validate("producer id without sequence " + c.name, fix(noSeq), p());
            validate("producer id without sequence, coordinator " + c.name, noSeq, p().coordinator());
            int attr = c.id;
            byte[] payload = cat(record(0), record(1), record(2));
            byte[] z = c == CompressionType.NONE ? payload : compress(c, 2, payload);
            for (int count : new int[]{-1, 0, 1, 2, 3, 4, 1000000000})
                for (int delta : new int[]{-2, -1, 0, 1, 2, 3, 999999999})
                    if (count <= 4 || delta == 999999999) {
                        validate("count " + count + " last delta " + delta + " " + c.name, v2(attr, count, delta, z), p());
                        if (count < 100) validate("count " + count + " last delta " + delta + " coordinator " + c.name, v2(attr, count, delta, z), p().coordinator());
                    }
            validate("control, client " + c.name, v2(attr | 0x20, 3, 2, z), p());
            validate("transactional bit alone " + c.name, v2(attr | 0x10, 3, 2, z), p().magic(1));
            validate("control, coordinator " + c.name, v2(attr | 0x20, 3, 2, z), p().coordinator());
            validate("control, coordinator, to gzip " + c.name, v2(attr | 0x20, 3, 2, z), p().coordinator().codec("gzip"));
            validate("high attribute bits " + c.name, v2(attr | 0xff40, 3, 2, z), p());
            byte[][] bad = {
                cat(record(0), record(1), record(2), new byte[]{0}), cat(record(0), record(1)), cat(record(0), record(2), record(1)), cat(record(0), record(0), record(0)),
                cat(record(0), record(1), sized(new byte[]{0, 2, 4, 1, 1, 0, 0})), cat(record(0), record(1), sized(new byte[]{0, 2, 4, 1, 1})),
                cat(record(0), record(1), new byte[]{0}), cat(record(0), record(1), new byte[]{1}), cat(record(0), record(1), new byte[]{(byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff, 15}),
                cat(record(0), record(1), new byte[]{(byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff, 1}), cat(record(0), record(1), new byte[]{(byte) 0x80}),
                cat(record(0), record(1), record(2, 3, 120)), cat(record(0), record(1), record(2, 3, 5)), cat(record(0), record(1), record(2, 5, 7)), cat(record(0), record(1), record(2, 5, 120)),
                cat(record(0), record(1), record(2, 8, 1)), cat(record(0), record(1), record(2, 8, 2)), cat(record(0), record(1), record(2, 0, 0x7f)),
                cat(record(0), record(1), sized(new byte[]{0, 2, 4, 1, 1, 2, 1, 1})), cat(record(0), record(1), sized(new byte[]{0, 2, 4, 1, 1, 2, 0, 3})),
                cat(record(0), record(1), sized(new byte[]{0, 2, 4, 1, 1, 2, 2, 'h', 2, 'x'})), cat(record(0), record(1), sized(new byte[]{0, 2, 4, 5, 7, 0})),
                cat(record(0), record(1), sized(new byte[]{0, 1, 4, 1, 1, 0})), new byte[0],
            };
            for (int i = 0; i < bad.length; i++) validate("payload " + i + " " + c.name, v2(attr, 3, 2, c == CompressionType.NONE ? bad[i] : compress(c, 2, bad[i])), p());
        }
        for (CompressionType c : codecs(2)) if (c != CompressionType.NONE) {
            byte[] payload = cat(record(0), record(1), record(2)), z = compress(c, 2, payload);
            validate("base offset 5 " + c.name, edit(v2(c.id, 3, 2, z), 7, 5), p());
            validate("trailing bytes after stream " + c.name, v2(c.id, 3, 2, cat(z, new byte[]{1, 2, 3, 4, 5, 6, 7, 8})), p());
            validate("two streams " + c.name, v2(c.id, 3, 2, cat(compress(c, 2, record(0)), compress(c, 2, cat(record(1), record(2))))), p());
            validate("cut stream " + c.name, v2(c.id, 3, 2, Arrays.copyOf(z, z.length - 9)), p());
            validate("cut stream of many " + c.name, v2(c.id, 3, 2, Arrays.copyOf(z, z.length / 2)), p());
            validate("bad stream " + c.name, v2(c.id, 3, 2, new byte[]{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}), p());
            validate("empty stream " + c.name, v2(c.id, 3, 2, new byte[0]), p());
            validate("negative timestamps " + c.name, set(2, c, good()), p().diff(5));
            validate("old zstd rule " + c.name, set(2, c, good()), p().oldIbp());
        }
        validate("uncompressed to zstd, old zstd rule", set(2, CompressionType.NONE, good()), p().codec("zstd").oldIbp());
        validate("raw snappy", v2(2, 3, 2, org.xerial.snappy.Snappy.compress(cat(record(0), record(1), record(2)))), p());
        for (int id = 5; id <= 7; id++) validate("codec " + id, v2(id, 3, 2, cat(record(0), record(1), record(2))), p());
        byte[] lz = compress(CompressionType.LZ4, 2, cat(record(0), record(1), record(2)));
        byte[] broken = lz.clone(); broken[6] ^= 1;
        validate("lz4 header checksum wrong", v2(3, 3, 2, broken), p());
        byte[] dep = lz.clone(); dep[4] = 0x40;
        validate("lz4 dependent blocks", v2(3, 3, 2, dep), p());
        byte[] neg = v2(0, 1, 0, sized(new byte[]{0, 0, 0, 1, 1, 0}));
        ByteBuffer.wrap(neg).putLong(27, -5); fix(neg);
        validate("timestamp -5", neg, p());
        validate("timestamp -5 rebuilt", neg, p().codec("gzip"));
        validate("timestamp -5 and a small limit", neg, p().diff(1000));

        for (int magic = 0; magic <= 1; magic++)
            for (CompressionType c : codecs(1)) if (c != CompressionType.NONE) {
                String n = " magic " + magic + " " + c.name;
                byte[][] in = new byte[3][];
                for (int i = 0; i < 3; i++) in[i] = legacy(magic, 0, i, NOW + i, b("k"), b("v" + i));
                byte[] all = compress(c, magic, cat(in));
                for (int to = 0; to <= 2; to++) {
                    for (long outer : new long[]{0, 1, 2, 3, 50}) validate("wrapper offset " + outer + n, legacy(magic, c.id, outer, NOW + 2, null, all), p().magic(to));
                    validate("inner offsets 0 2 3" + n, legacy(magic, c.id, 3, NOW + 2, null, compress(c, magic, cat(in[0], in[2], legacy(magic, 0, 3, NOW, null, null)))), p().magic(to));
                    validate("inner compressed" + n, legacy(magic, c.id, 2, NOW + 2, null, compress(c, magic, cat(in[0], legacy(magic, c.id, 1, NOW, null, all), in[2]))), p().magic(to));
                    validate("null wrapper value" + n, legacy(magic, c.id, 2, NOW + 2, null, null), p().magic(to));
                    validate("empty wrapper" + n, legacy(magic, c.id, 2, NOW + 2, null, compress(c, magic, new byte[0])), p().magic(to));
                    validate("wrapper with key" + n, legacy(magic, c.id, 2, NOW + 2, b("key"), all), p().magic(to));
                    validate("inner of the other magic" + n, legacy(magic, c.id, 2, NOW + 2, null, compress(c, magic, cat(in[0], legacy(1 - magic, 0, 1, NOW, b("k"), b("x")), in[2]))), p().magic(to));
                    byte[] crc = in[1].clone(); crc[12] ^= 1;
                    validate("inner crc" + n, legacy(magic, c.id, 2, NOW + 2, null, compress(c, magic, cat(in[0], crc, in[2]))), p().magic(to));
                    validate("inner cut" + n, legacy(magic, c.id, 1, NOW + 2, null, compress(c, magic, Arrays.copyOf(cat(in), in[0].length * 3 - 4))), p().magic(to));
                    byte[] small = in[1].clone(); small[11] = 5;
                    validate("inner size small" + n, legacy(magic, c.id, 2, NOW + 2, null, compress(c, magic, cat(in[0], small, in[2]))), p().magic(to));
                    validate("wrapper cut" + n, legacy(magic, c.id, 2, NOW + 2, null, Arrays.copyOf(all, all.length - 7)), p().magic(to));
                }
                validate("marked LogAppendTime" + n, legacy(magic, c.id | 8, 2, NOW + 2, null, all), p().magic(magic));
                if (c == CompressionType.LZ4) validate("lz4 with the other header checksum" + n, legacy(magic, c.id, 2, NOW + 2, null, compress(c, 1 - magic, cat(in))), p().magic(1));
            }
        for (int magic = 0; magic <= 1; magic++)
            validate("zstd wrapper, magic " + magic, legacy(magic, 4, 0, NOW, null, compress(CompressionType.ZSTD, 2, legacy(magic, 0, 0, NOW, null, b("v")))), p().magic(magic));
        byte[] control = bytes(MemoryRecords.withEndTransactionMarker(NOW, 9, (short) 3, new EndTransactionMarker(ControlRecordType.COMMIT, 7)));
        validate("marker", control, p().coordinator());
        validate("marker to lz4", control, p().coordinator().codec("lz4"));
        validate("marker from client", control, p());
        downConvert("marker between", cat(set(2, CompressionType.NONE, good()), control, set(2, CompressionType.GZIP, good())), 1, 0);
        validate("nothing", new byte[0], p());
    }
    static byte[] edit(byte[] a, int pos, int value) { a[pos] = (byte) value; return a; }
}
