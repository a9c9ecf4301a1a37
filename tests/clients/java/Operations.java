import com.fasterxml.jackson.databind.JsonNode;
import com.huaweicloud.dis.DIS;
import com.huaweicloud.dis.DISClient;
import com.huaweicloud.dis.DISConfig;
import java.io.IOException;
import java.lang.reflect.Method;

/**
 * Calls operations of the Java SDK by the names of its methods.
 *
 * Requests and results are objects of the SDK's own classes, written with the names of their annotations.
 */
public class Operations implements Steps {
  private DIS client;

  public static void main(String[] arguments) throws IOException {
    new Operations().run();
  }

  @Override
  public void open(JsonNode settings) {
    DISConfig config = new DISConfig();
    settings.fields().forEachRemaining(setting -> config.set(setting.getKey(), setting.getValue().asText()));
    client = new DISClient(config);
  }

  @Override
  public Object call(String name, JsonNode request) throws ReflectiveOperationException {
    for (Method method : DIS.class.getMethods()) {
      if (method.getName().equals(name)) {
        return method.invoke(client, JSON.convertValue(request, method.getParameterTypes()[0]));
      }
    }
    throw new NoSuchMethodException(name);
  }
}
