using System.Runtime.CompilerServices;
using ModelFs.Registries;
using ModelFs.Vfs.Freshness;

namespace ModelFs.Vfs.Trees;

/// <summary>Lists a directory of a tree for a person: with the sizes, which the listing does not tell.</summary>
internal static class TreeListing
{
    /// <summary>Files that are asked for ahead of the one that is shown: hides the round trips, and is no burden to a server.</summary>
    private const int AskedAtOnce = 16;

    public static TreeNode NodeOf(string registry, TreeEntry entry)
    {
        var path = TreePaths.Join(registry, entry.Path);
        return entry.File is { } file ? new TreeFileNode(path, registry, file) : new TreeDirectoryNode(path, registry, entry.Path);
    }

    /// <summary>The children, in the order of the listing. One that has gone since is left out; a failure is the last item.</summary>
    public static async IAsyncEnumerable<TreeResult<TreeNode>> ListAsync(
        KeptTree tree, string shown, string directory, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var answer = await tree.ListAsync(directory, cancellation).ConfigureAwait(false);
        if (answer.Value is not { } listing)
        {
            yield return new(null, Errnos.Of(answer.Error!), $"{shown}: {answer.Error!.Message}");
            yield break;
        }

        var names = listing.Snapshot();
        var asked = new Queue<Task<Answer<KeptEntry>>>();
        for (var next = 0; next < names.Length || asked.Count > 0;)
        {
            while (next < names.Length && asked.Count < AskedAtOnce)
                asked.Enqueue(tree.FindChildAsync(directory, names[next++].Name, cancellation).AsTask());
            var found = await asked.Dequeue().ConfigureAwait(false);
            if (found.Value is { } entry)
                yield return new(NodeOf(tree.Name, entry.Found), Fuse.Errno.None, null);
            else if (found.Error!.Kind != RegistryErrorKind.NotFound)
            {
                yield return new(null, Errnos.Of(found.Error), $"{shown}: {found.Error.Message}");
                yield break;
            }
        }
    }
}
