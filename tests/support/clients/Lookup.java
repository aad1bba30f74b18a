// tests/support/clients/Lookup.java - prints the addresses of a name as Java finds them.
import java.net.InetAddress;
import java.net.UnknownHostException;

public class Lookup {
    public static void main(String[] arguments) {
        try {
            for (InetAddress address : InetAddress.getAllByName(arguments[0]))
                System.out.println(address.getHostAddress());
        } catch (UnknownHostException failure) {
            System.err.println(failure);
            System.exit(1);
        }
    }
}
