using System.Globalization;
using System.Text;
using ModelFs.Cache;
using ModelFs.Fuse;
using ModelFs.Vfs.Content;
using ModelFs.Vfs.Nodes;
using ModelFs.Vfs.Trees;

namespace ModelFs.Vfs.Files;

/// <summary><c>user.modelfs.*</c>: where a file comes from and how much of it is here.</summary>
/// <remarks>
/// registry and revision (the version; in a tree of files, the file's validator) on all that has them; on files also digest (<c>sha256:…</c>, where the registry gives one),
/// cached (bytes on disk), verified (<c>yes</c>: the whole matched its digest; <c>no</c>: it did not, and reads fail;
/// <c>unknown</c>: no digest, or not complete yet) and mode (<see cref="Passthrough.ModeAsync"/>).
/// </remarks>
internal sealed class ExtendedAttributes(BlockCache cache, Passthrough passthrough)
{
    private const string Prefix = "user.modelfs.";

    /// <summary>Whether an attribute may be asked for at all: others than <c>user.</c> are EOPNOTSUPP.</summary>
    public static bool HasNamespace(ReadOnlySpan<byte> name) => name.StartsWith("user."u8);

    public static ReadOnlyMemory<byte> List(Place place)
    {
        var names = new StringBuilder();
        if (place.Registry is not null || place.Tree is not null)
            names.Append(Prefix + "registry\0");
        if (place.IsInVersion || place.Key.Kind == NodeKind.TreeFile)
            names.Append(Prefix + "revision\0");
        if (place.IsFile)
        {
            if (place.Content?.File(place.Id.Index).Sha256 is not null)
                names.Append(Prefix + "digest\0");
            names.Append(Prefix + "cached\0" + Prefix + "verified\0" + Prefix + "mode\0");
        }

        return Encoding.UTF8.GetBytes(names.ToString());
    }

    /// <returns>ENODATA for an attribute that the node does not have.</returns>
    public async ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetAsync(Place place, string name)
    {
        if (!name.StartsWith(Prefix, StringComparison.Ordinal))
            return Errno.ENODATA;
        var value = name[Prefix.Length..] switch
        {
            "registry" => place.Registry?.Name ?? place.Tree?.Name,
            "revision" when place.IsInVersion || place.Key.Kind == NodeKind.TreeFile => place.Key.Name,
            "digest" when place.IsFile && place.Content?.File(place.Id.Index).Sha256 is { } digest => $"sha256:{digest}",
            "cached" when place.IsFile => (await StateAsync(place).ConfigureAwait(false)).CachedBytes.ToString(CultureInfo.InvariantCulture),
            "verified" when place.IsFile => Verified(await StateAsync(place).ConfigureAwait(false)),
            "mode" when place.IsFile => await passthrough.ModeAsync(KeyOf(place)).ConfigureAwait(false),
            _ => null,
        };
        return value is null ? Errno.ENODATA : new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes(value));
    }

    private ValueTask<ObjectState> StateAsync(Place place) =>
        cache.GetStateAsync(KeyOf(place));

    private static ObjectKey KeyOf(Place place) => place.Tree is { } tree
        ? ObjectIdentity.Describe(tree.Name, tree.Tree.Description, TreeKeys.FileOf(place.Key)).Key
        : place.Content!.KeyOf(place.Registry!.Name, place.Id.Index);

    private static string Verified(ObjectState state) => state switch
    {
        { Quarantined: true } => "no",
        { Sealed: true, DigestMatched: true } => "yes",
        _ => "unknown",
    };
}
