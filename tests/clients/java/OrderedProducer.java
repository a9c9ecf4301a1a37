import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.huaweicloud.dis.DISConfig;
import com.huaweicloud.dis.iface.data.request.PutRecordsRequestEntry;
import com.huaweicloud.dis.iface.data.response.PutRecordsResultEntry;
import com.huaweicloud.dis.producer.DISProducer;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;

/**
 * Puts numbered records with the Java SDK's producer: OrderedProducer SETTINGS STREAM RECORDS KEYS.
 *
 * Record n is the text of n with partition key n modulo KEYS. Where each went is a line of JSON on standard output:
 * [[partition_id, sequence_number], ...].
 */
public class OrderedProducer {
  public static void main(String[] arguments) throws Exception {
    ObjectMapper json = new ObjectMapper();
    DISConfig config = new DISConfig();
    JsonNode settings = json.readTree(arguments[0]);
    settings.fields().forEachRemaining(setting -> config.set(setting.getKey(), setting.getValue().asText()));
    DISProducer producer = new DISProducer(config);
    List<Future<PutRecordsResultEntry>> sent = new ArrayList<>();
    for (int number = 0; number < Integer.parseInt(arguments[2]); number++) {
      PutRecordsRequestEntry record = new PutRecordsRequestEntry();
      record.setPartitionKey(Integer.toString(number % Integer.parseInt(arguments[3])));
      record.setData(ByteBuffer.wrap(Integer.toString(number).getBytes()));
      sent.add(producer.putRecordAsync(arguments[1], record, null));
    }
    producer.flush();
    ArrayNode places = json.createArrayNode();
    for (Future<PutRecordsResultEntry> record : sent) {
      places.addArray().add(record.get().getPartitionId()).add(record.get().getSequenceNumber());
    }
    producer.close();
    System.out.println(json.writeValueAsString(places));
    System.exit(0); // the SDK's threads would keep the program running
  }
}
