import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.huaweicloud.dis.DIS;
import com.huaweicloud.dis.DISClient;
import com.huaweicloud.dis.DISConfig;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;

/**
 * Calls operations of the Java SDK: reads a step from each line of standard input and writes its answer as a line of JSON.
 *
 * A step is {"open": {setting: text}}, which makes a new client, or {"call": method of DIS, "request": value}. Requests
 * and results are objects of the SDK's own classes, written with the names of their annotations. An answer is
 * {"result": value} or {"error": class of the exception, "message": its text}.
 */
public class Operations {
  static final ObjectMapper JSON =
      new ObjectMapper()
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS);

  static DIS client;

  public static void main(String[] arguments) throws IOException {
    BufferedReader steps = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = steps.readLine(); line != null; line = steps.readLine()) {
      System.out.println(JSON.writeValueAsString(answer(JSON.readTree(line))));
    }
    System.exit(0); // the SDK's threads would keep the program running
  }

  static ObjectNode answer(JsonNode step) {
    ObjectNode answer = JSON.createObjectNode();
    try {
      answer.set("result", JSON.valueToTree(step.has("open") ? open(step.get("open")) : call(step)));
    } catch (InvocationTargetException failed) {
      answer.put("error", failed.getCause().getClass().getSimpleName()).put("message", failed.getCause().getMessage());
    } catch (ReflectiveOperationException | RuntimeException failed) {
      answer.put("error", failed.getClass().getSimpleName()).put("message", failed.getMessage());
    }
    return answer;
  }

  static Object open(JsonNode settings) {
    DISConfig config = new DISConfig();
    settings.fields().forEachRemaining(setting -> config.set(setting.getKey(), setting.getValue().asText()));
    client = new DISClient(config);
    return null;
  }

  static Object call(JsonNode step) throws ReflectiveOperationException {
    for (Method method : DIS.class.getMethods()) {
      if (method.getName().equals(step.get("call").asText())) {
        return method.invoke(client, JSON.convertValue(step.get("request"), method.getParameterTypes()[0]));
      }
    }
    throw new NoSuchMethodException(step.get("call").asText());
  }
}
