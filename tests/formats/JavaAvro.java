import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.avro.Conversion;
import org.apache.avro.Conversions;
import org.apache.avro.LogicalType;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.file.CodecFactory;
import org.apache.avro.file.DataFileStream;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.avro.util.TimePeriod;

/**
 * Reads and writes the values of a file of cases with Avro's Java library, and answers in JSON on standard output.
 *
 * A case is {schema, values, binary, single, container} or a pair {writer, reader, binary}: values in the forms of
 * avro_forms.py, encoded ones in hexadecimal. What can't be read is {"error": text}.
 */
public class JavaAvro {
  static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  static final GenericData DATA = new GenericData();
  static final Map<String, Conversion<?>> CONVERSIONS = new HashMap<>();

  static {
    for (Conversion<?> conversion :
        List.of(
            new Conversions.DecimalConversion(),
            new Conversions.UUIDConversion(),
            new Conversions.DurationConversion(),
            new TimeConversions.DateConversion(),
            new TimeConversions.TimeMillisConversion(),
            new TimeConversions.TimeMicrosConversion(),
            new TimeConversions.TimestampMillisConversion(),
            new TimeConversions.TimestampMicrosConversion(),
            new TimeConversions.LocalTimestampMillisConversion(),
            new TimeConversions.LocalTimestampMicrosConversion())) {
      CONVERSIONS.put(conversion.getLogicalTypeName(), conversion);
    }
  }

  public static void main(String[] arguments) throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    ArrayNode answers = NODES.arrayNode();
    for (JsonNode one : mapper.readTree(new File(arguments[0]))) {
      try {
        answers.add(one.has("reader") ? answerOfPair(one) : answerOfCase(one));
      } catch (RuntimeException error) {
        answers.add(problem(error));
      }
    }
    mapper.writeValue(System.out, answers);
  }

  static ObjectNode problem(Exception error) {
    return NODES.objectNode().put("error", error.toString());
  }

  static Schema parsed(JsonNode schema) {
    return new Schema.Parser().parse(schema.toString());
  }

  static ObjectNode answerOfCase(JsonNode one) throws IOException {
    Schema schema = parsed(one.get("schema"));
    ObjectNode answer = NODES.objectNode();
    answer.put("canonical", SchemaNormalization.toParsingForm(schema));
    ByteBuffer print = ByteBuffer.allocate(8).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    answer.put("fingerprint", hex(print.putLong(SchemaNormalization.parsingFingerprint64(schema)).array()));
    List<Object> values = new ArrayList<>();
    one.get("values").forEach(form -> values.add(valueOf(schema, form)));
    ObjectNode written = answer.putObject("written");
    for (Object value : values) {
      written.withArray("binary").add(hex(bytesOf(schema, value, false)));
      written.withArray("blocking").add(hex(bytesOf(schema, value, true)));
      ByteBuffer single = new BinaryMessageEncoder<>(DATA, schema).encode(value);
      written.withArray("single").add(hex(taken(single)));
    }
    for (String codec : List.of("null", "deflate", "snappy")) {
      written.withArray("container").add(hex(container(schema, values, codec)));
    }
    ObjectNode read = answer.putObject("read");
    for (JsonNode data : one.get("binary")) {
      read.withArray("binary").add(readBinary(schema, schema, unhex(data)));
    }
    for (JsonNode data : one.get("single")) {
      read.withArray("single").add(formOf(schema, new BinaryMessageDecoder<>(DATA, schema).decode(unhex(data))));
    }
    for (JsonNode data : one.get("container")) {
      ByteArrayInputStream file = new ByteArrayInputStream(unhex(data));
      try (DataFileStream<Object> rows = new DataFileStream<>(file, new GenericDatumReader<>(null, null, DATA))) {
        rows.forEach(row -> read.withArray("container").add(formOf(rows.getSchema(), row)));
      }
    }
    return answer;
  }

  static ObjectNode answerOfPair(JsonNode one) throws IOException {
    Schema writer = parsed(one.get("writer"));
    Schema reader = parsed(one.get("reader"));
    ObjectNode answer = NODES.objectNode();
    answer.put(
        "compatibility",
        SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getType().toString());
    for (JsonNode data : one.get("binary")) {
      try {
        answer.withArray("read").add(readBinary(writer, reader, unhex(data)));
      } catch (RuntimeException error) {
        answer.withArray("read").add(problem(error));
      }
    }
    return answer;
  }

  static JsonNode readBinary(Schema writer, Schema reader, byte[] data) throws IOException {
    BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(data, null);
    Object value = new GenericDatumReader<>(writer, reader, DATA).read(null, decoder);
    return decoder.isEnd() ? formOf(reader, value) : NODES.objectNode().put("error", "bytes are left");
  }

  static byte[] bytesOf(Schema schema, Object value, boolean blocking) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    EncoderFactory factory = new EncoderFactory().configureBlockSize(64);
    BinaryEncoder encoder =
        blocking ? factory.blockingBinaryEncoder(bytes, null) : factory.binaryEncoder(bytes, null);
    new GenericDatumWriter<>(schema, DATA).write(value, encoder);
    encoder.flush();
    return bytes.toByteArray();
  }

  /** A file with one block for each value. */
  static byte[] container(Schema schema, List<Object> values, String codec) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataFileWriter<Object> file = new DataFileWriter<>(new GenericDatumWriter<>(schema, DATA))) {
      file.setCodec(CodecFactory.fromString(codec)).create(schema, bytes);
      for (Object value : values) {
        file.append(value);
        file.sync();
      }
    }
    return bytes.toByteArray();
  }

  static JsonNode formOf(Schema schema, Object value) {
    LogicalType logical = schema.getLogicalType();
    if (logical != null && CONVERSIONS.containsKey(logical.getName())) {
      Conversion<?> conversion = CONVERSIONS.get(logical.getName());
      return formOf(Conversions.convertToLogicalType(value, schema, logical, conversion));
    }
    switch (schema.getType()) {
      case NULL:
        return NODES.nullNode();
      case BOOLEAN:
        return NODES.booleanNode((Boolean) value);
      case FLOAT:
        float real = (Float) value;
        return NODES.textNode(
            Float.isNaN(real) ? "nan" : HexFormat.of().toHexDigits(Float.floatToRawIntBits(real)));
      case DOUBLE:
        double number = (Double) value;
        return NODES.textNode(
            Double.isNaN(number) ? "nan" : HexFormat.of().toHexDigits(Double.doubleToRawLongBits(number)));
      case BYTES:
        return NODES.textNode(hex(taken((ByteBuffer) value)));
      case FIXED:
        return NODES.textNode(hex(((GenericData.Fixed) value).bytes()));
      case ARRAY:
        ArrayNode items = NODES.arrayNode();
        ((Iterable<?>) value).forEach(item -> items.add(formOf(schema.getElementType(), item)));
        return items;
      case MAP:
        ObjectNode entries = NODES.objectNode();
        ((Map<?, ?>) value).forEach((key, item) -> entries.set(key.toString(), formOf(schema.getValueType(), item)));
        return entries;
      case RECORD:
        ObjectNode fields = NODES.objectNode();
        GenericData.Record row = (GenericData.Record) value;
        schema.getFields().forEach(field -> fields.set(field.name(), formOf(field.schema(), row.get(field.pos()))));
        return fields;
      case UNION:
        int branch = DATA.resolveUnion(schema, value);
        return NODES.arrayNode().add(branch).add(formOf(schema.getTypes().get(branch), value));
      default: // numbers, text, symbols
        return NODES.textNode(value.toString());
    }
  }

  static JsonNode formOf(Object value) {
    if (value instanceof BigDecimal) return NODES.textNode(((BigDecimal) value).toPlainString());
    if (value instanceof LocalTime) return NODES.textNode(Long.toString(((LocalTime) value).toNanoOfDay() / 1000));
    if (value instanceof LocalDateTime) return formOf(((LocalDateTime) value).toInstant(ZoneOffset.UTC));
    if (value instanceof Instant) {
      Instant moment = (Instant) value;
      return NODES.textNode(Long.toString(moment.getEpochSecond() * 1_000_000 + moment.getNano() / 1000));
    }
    if (value instanceof TimePeriod) {
      TimePeriod period = (TimePeriod) value;
      ArrayNode numbers = NODES.arrayNode();
      for (long number : new long[] {period.getMonths(), period.getDays(), period.getMillis()}) {
        numbers.add(Long.toString(number));
      }
      return numbers;
    }
    return NODES.textNode(value.toString()); // a date, a UUID
  }

  static Object valueOf(Schema schema, JsonNode form) {
    LogicalType logical = schema.getLogicalType();
    if (logical != null && CONVERSIONS.containsKey(logical.getName())) {
      Conversion<?> conversion = CONVERSIONS.get(logical.getName());
      return Conversions.convertToRawType(logicalValue(logical.getName(), form), schema, logical, (Conversion) conversion);
    }
    switch (schema.getType()) {
      case NULL:
        return null;
      case BOOLEAN:
        return form.booleanValue();
      case INT:
        return Integer.valueOf(form.textValue());
      case LONG:
        return Long.valueOf(form.textValue());
      case FLOAT:
        String bits = form.textValue();
        return bits.equals("nan") ? Float.NaN : Float.intBitsToFloat(HexFormat.fromHexDigits(bits));
      case DOUBLE:
        String digits = form.textValue();
        return digits.equals("nan") ? Double.NaN : Double.longBitsToDouble(HexFormat.fromHexDigitsToLong(digits));
      case BYTES:
        return ByteBuffer.wrap(unhex(form));
      case FIXED:
        return new GenericData.Fixed(schema, unhex(form));
      case ENUM:
        return new GenericData.EnumSymbol(schema, form.textValue());
      case ARRAY:
        GenericData.Array<Object> items = new GenericData.Array<>(form.size(), schema);
        form.forEach(item -> items.add(valueOf(schema.getElementType(), item)));
        return items;
      case MAP:
        Map<String, Object> entries = new HashMap<>();
        form.fields().forEachRemaining(e -> entries.put(e.getKey(), valueOf(schema.getValueType(), e.getValue())));
        return entries;
      case RECORD:
        GenericData.Record row = new GenericData.Record(schema);
        schema.getFields().forEach(field -> row.put(field.pos(), valueOf(field.schema(), form.get(field.name()))));
        return row;
      case UNION:
        return valueOf(schema.getTypes().get(form.get(0).intValue()), form.get(1));
      default:
        return form.textValue();
    }
  }

  static Object logicalValue(String name, JsonNode form) {
    switch (name) {
      case "decimal":
        return new BigDecimal(form.textValue());
      case "uuid":
        return java.util.UUID.fromString(form.textValue());
      case "date":
        return LocalDate.parse(form.textValue());
      case "duration":
        long[] numbers = new long[3];
        for (int place = 0; place < 3; place++) numbers[place] = Long.parseLong(form.get(place).textValue());
        return TimePeriod.of(numbers[0], numbers[1], numbers[2]);
      case "time-millis":
      case "time-micros":
        return LocalTime.ofNanoOfDay(Long.parseLong(form.textValue()) * 1000);
      default:
        long micros = Long.parseLong(form.textValue());
        Instant moment =
            Instant.ofEpochSecond(Math.floorDiv(micros, 1_000_000), Math.floorMod(micros, 1_000_000) * 1000L);
        return name.startsWith("local-") ? LocalDateTime.ofInstant(moment, ZoneOffset.UTC) : moment;
    }
  }

  static byte[] taken(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return bytes;
  }

  static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  static byte[] unhex(JsonNode text) {
    return HexFormat.of().parseHex(text.textValue());
  }
}
