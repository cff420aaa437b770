using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using ModelFs.Cache;
using ModelFs.Registries;
using ModelFs.Vfs.Names;

namespace ModelFs.Vfs.Content;

/// <summary>Which object of the cache holds a file's bytes.</summary>
/// <remarks>
/// The registry's name and its digest where it gives one, so that equal files of one registry are stored once; else the registry's
/// name, model, version, creation time, path, time of writing where it is known, and size; of a tree of files, its name, address, path, validator and size. Every field is preceded by its length: no two lists of fields run into one.
/// </remarks>
internal static class ObjectIdentity
{
    public static ObjectDescriptor Describe(string registry, ModelVersion version, ManifestFile file)
    {
        var digest = ParseDigest(file.Sha256);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, digest is null ? "version"u8 : "digest"u8);
        Append(hash, registry);
        if (digest is not null)
        {
            Append(hash, digest);
        }
        else
        {
            Append(hash, version.Model);
            Append(hash, version.Version);
            Append(hash, version.Created.UtcTicks);
            Append(hash, file.Path);
            if (file.Modified is { } written)
                Append(hash, written.Ticks);
        }

        // Of two files with one digest and different sizes, one is a lie: they must not be one object.
        Append(hash, file.Size ?? -1);
        var key = new ObjectKey(BinaryPrimitives.ReadUInt128BigEndian(hash.GetHashAndReset()));
        return new ObjectDescriptor(key, file.Size, digest, registry, NameOf(version, file));
    }

    /// <summary>Where it is in the registry's directory, as <c>ls</c> shows it.</summary>
    private static string NameOf(ModelVersion version, ManifestFile file) =>
        string.Join('/', file.Path.Split('/').Prepend(version.Version).Prepend(version.Model).Select(EscapedName.EscapeToString));

    /// <summary>One content of a file of a tree: what another server of the same name has under the same tag is another.</summary>
    public static ObjectDescriptor Describe(string registry, string origin, TreeFile file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, "tree"u8);
        Append(hash, registry);
        Append(hash, origin);
        Append(hash, file.Path);
        Append(hash, file.Validator);
        Append(hash, file.Size ?? -1);
        var key = new ObjectKey(BinaryPrimitives.ReadUInt128BigEndian(hash.GetHashAndReset()));
        return new ObjectDescriptor(key, file.Size, null, registry, file.Path);
    }

    private static byte[]? ParseDigest(string? hex)
    {
        var digest = new byte[SHA256.HashSizeInBytes];
        return hex?.Length == 2 * digest.Length
            && Convert.FromHexString(hex, digest, out _, out _) == System.Buffers.OperationStatus.Done
            ? digest
            : null;
    }

    private static void Append(IncrementalHash hash, string field) => Append(hash, Encoding.UTF8.GetBytes(field));

    private static void Append(IncrementalHash hash, long field)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, field);
        Append(hash, bytes);
    }

    private static void Append(IncrementalHash hash, ReadOnlySpan<byte> field)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, field.Length);
        hash.AppendData(length);
        hash.AppendData(field);
    }
}
