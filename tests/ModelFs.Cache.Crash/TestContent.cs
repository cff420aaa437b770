using System.Security.Cryptography;
using System.Text;

namespace ModelFs.Cache.Crash;

/// <summary>Content that two processes can make from a name, no block of it like another.</summary>
public static class TestContent
{
    public static byte[] Make(string name, int size)
    {
        byte[] bytes = new byte[size];
        new Random(BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes(name)))).NextBytes(bytes);
        return bytes;
    }

    public static ObjectKey KeyOf(string name) => new(BitConverter.ToUInt128(SHA256.HashData(Encoding.UTF8.GetBytes(name))));

    public static ObjectDescriptor Describe(string name, byte[] content, bool withDigest = true) =>
        new(KeyOf(name), content.Length, withDigest ? SHA256.HashData(content) : default, "TEST", name);
}
