using System.Net;
using System.Net.Sockets;

namespace ModelFs.Registries.Http;

internal enum AddressClass
{
    Public,
    Private,
    LinkLocal,
    Loopback,

    /// <summary>Where clouds hand out the machine's own credentials.</summary>
    Metadata,

    /// <summary>Multicast, broadcast, unspecified: nothing that a registry could mean.</summary>
    Unusable,
}

/// <summary>Which addresses a registry may send us to. Asked after DNS, for the very address that is connected to, so that no answer
/// of a name server can differ between check and use.</summary>
internal sealed class AddressRule(bool allowInternal)
{
    private static readonly IPAddress[] MetadataAddresses =
    [
        IPAddress.Parse("169.254.169.254"), // AWS, Google, Azure, OpenStack
        IPAddress.Parse("169.254.170.2"),   // AWS ECS
        IPAddress.Parse("169.254.170.23"),  // AWS EKS pod identity
        IPAddress.Parse("fd00:ec2::254"),
        IPAddress.Parse("fd00:ec2::23"),
        IPAddress.Parse("100.100.100.200"), // Alibaba
        IPAddress.Parse("168.63.129.16"),   // Azure's wire server, a public address
    ];

    private static readonly IPNetwork[] PrivateNetworks =
    [
        IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("172.16.0.0/12"), IPNetwork.Parse("192.168.0.0/16"),
        IPNetwork.Parse("100.64.0.0/10"), IPNetwork.Parse("198.18.0.0/15"), IPNetwork.Parse("fc00::/7"), IPNetwork.Parse("fec0::/10"),
    ];

    private static readonly IPNetwork[] LinkLocalNetworks = [IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("fe80::/10")];

    private static readonly IPNetwork[] UnusableNetworks =
        [IPNetwork.Parse("0.0.0.0/8"), IPNetwork.Parse("224.0.0.0/3"), IPNetwork.Parse("::/128"), IPNetwork.Parse("ff00::/8")];

    // IPv4 inside IPv6: NAT64 in the last four bytes, 6to4 in bytes two to five.
    private static readonly IPNetwork Nat64 = IPNetwork.Parse("64:ff9b::/96");
    private static readonly IPNetwork SixToFour = IPNetwork.Parse("2002::/16");

    private int ownClasses;

    /// <summary>Notes where the configured host itself was reached: what it names may lie in the same class.</summary>
    public void NoteOwn(IPAddress address) => Interlocked.Or(ref ownClasses, 1 << (int)Classify(address));

    public bool Permits(IPAddress address) => Classify(address) switch
    {
        AddressClass.Public => true,
        AddressClass.Unusable => false,
        AddressClass kind => allowInternal || (Volatile.Read(ref ownClasses) & (1 << (int)kind)) != 0,
    };

    public static AddressClass Classify(IPAddress address)
    {
        address = Unwrap(address);
        if (IPAddress.IsLoopback(address)) return AddressClass.Loopback;
        if (MetadataAddresses.Contains(address)) return AddressClass.Metadata;
        if (Within(UnusableNetworks, address)) return AddressClass.Unusable;
        if (Within(LinkLocalNetworks, address)) return AddressClass.LinkLocal;
        return Within(PrivateNetworks, address) ? AddressClass.Private : AddressClass.Public;
    }

    private static bool Within(IPNetwork[] networks, IPAddress address)
    {
        foreach (var network in networks)
            if (network.Contains(address)) return true;
        return false;
    }

    private static IPAddress Unwrap(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6) return address;
        if (address.IsIPv4MappedToIPv6) return address.MapToIPv4();
        var bytes = address.GetAddressBytes();
        if (Nat64.Contains(address)) return new IPAddress(bytes.AsSpan(12, 4));
        if (SixToFour.Contains(address)) return new IPAddress(bytes.AsSpan(2, 4));
        // A scope id is no part of the comparison below.
        return address.ScopeId == 0 ? address : new IPAddress(bytes);
    }
}
