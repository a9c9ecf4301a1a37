import com.fasterxml.jackson.databind.JsonNode;
import com.huaweicloud.dis.adapter.kafka.clients.consumer.ConsumerRecord;
import com.huaweicloud.dis.adapter.kafka.clients.consumer.DISKafkaConsumer;
import com.huaweicloud.dis.adapter.kafka.clients.consumer.OffsetAndMetadata;
import com.huaweicloud.dis.adapter.kafka.clients.consumer.OffsetAndTimestamp;
import com.huaweicloud.dis.adapter.kafka.clients.producer.DISKafkaProducer;
import com.huaweicloud.dis.adapter.kafka.clients.producer.ProducerRecord;
import com.huaweicloud.dis.adapter.kafka.clients.producer.RecordMetadata;
import com.huaweicloud.dis.adapter.kafka.common.TopicPartition;
import com.huaweicloud.dis.adapter.kafka.common.serialization.StringDeserializer;
import com.huaweicloud.dis.adapter.kafka.common.serialization.StringSerializer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.Future;

/** Calls a consumer and a producer of the Kafka adapter. A partition is written as [topic, number]. */
public class KafkaAdapter implements Steps {
  private DISKafkaConsumer<String, String> consumer;
  private DISKafkaProducer<String, String> producer;

  public static void main(String[] arguments) throws IOException {
    new KafkaAdapter().run();
  }

  @Override
  public void open(JsonNode settings) {
    Properties properties = new Properties();
    settings.fields().forEachRemaining(setting -> properties.put(setting.getKey(), setting.getValue().asText()));
    consumer = new DISKafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    producer = new DISKafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
  }

  @Override
  public Object call(String name, JsonNode request) throws Exception {
    switch (name) {
      case "assign" -> consumer.assign(partitions(request));
      case "subscribe" -> consumer.subscribe(List.of(JSON.convertValue(request, String[].class)));
      case "unsubscribe" -> consumer.unsubscribe();
      case "seek" -> consumer.seek(partition(request.get("partition")), request.get("offset").asLong());
      case "seekToBeginning" -> consumer.seekToBeginning(partitions(request));
      case "commitSync" -> consumer.commitSync();
      case "close" -> consumer.close();
      default -> {
        return answer(name, request);
      }
    }
    return null;
  }

  private Object answer(String name, JsonNode request) throws Exception {
    return switch (name) {
      case "send" -> sent(request);
      case "poll" -> polled(request.get("seconds").asLong(), request.get("records").asInt());
      case "assignment" -> byPartition(consumer.assignment());
      case "position" -> consumer.position(partition(request));
      case "committed" -> offset(consumer.committed(partition(request)));
      case "partitionsFor" -> consumer.partitionsFor(request.asText()).size();
      case "beginningOffsets" -> byPartition(consumer.beginningOffsets(partitions(request)));
      case "endOffsets" -> byPartition(consumer.endOffsets(partitions(request)));
      case "offsetsForTimes" -> offsetsAt(partition(request.get("partition")), request.get("time").asLong());
      default -> throw new NoSuchMethodException(name);
    };
  }

  private List<Object> sent(JsonNode records) throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (JsonNode record : records) {
      sent.add(
          producer.send(
              new ProducerRecord<>(record.get(0).asText(), record.get(1).asText(), record.get(2).asText())));
    }
    List<Object> places = new ArrayList<>();
    for (Future<RecordMetadata> record : sent) {
      places.add(List.of(record.get().topic(), record.get().partition(), record.get().offset()));
    }
    return places;
  }

  /** Polls until so many records have come, or the time is over. */
  private List<Object> polled(long seconds, int records) {
    List<Object> found = new ArrayList<>();
    long end = System.nanoTime() + seconds * 1_000_000_000L;
    do {
      for (ConsumerRecord<String, String> record : consumer.poll(100)) {
        found.add(List.of(record.partition(), record.offset(), record.key(), record.value()));
      }
    } while (found.size() < records && System.nanoTime() < end);
    return found;
  }

  private Long offsetsAt(TopicPartition partition, long time) {
    OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, time)).get(partition);
    return found == null ? null : found.offset();
  }

  private static Long offset(OffsetAndMetadata committed) {
    return committed == null ? null : committed.offset();
  }

  private static TopicPartition partition(JsonNode place) {
    return new TopicPartition(place.get(0).asText(), place.get(1).asInt());
  }

  private static List<TopicPartition> partitions(JsonNode places) {
    List<TopicPartition> found = new ArrayList<>();
    places.forEach(place -> found.add(partition(place)));
    return found;
  }

  private static Collection<String> byPartition(Collection<TopicPartition> partitions) {
    return partitions.stream().map(TopicPartition::toString).sorted().toList();
  }

  private static Map<String, Long> byPartition(Map<TopicPartition, Long> offsets) {
    Map<String, Long> found = new HashMap<>();
    offsets.forEach((partition, offset) -> found.put(partition.toString(), offset));
    return new TreeMap<>(found);
  }
}
